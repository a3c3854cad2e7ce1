import { env } from 'cloudflare:workers';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { heldRecord } from '../client-gate/gate.ts';
import { api, type Credentials, create, done, getToken, ISSUER, postForm, requestToken, world } from '../http.ts';
import { askWith, assertionOf, proofOf } from '../machines.ts';
import { newSigner, type Signer } from '../remote-keys/signers.ts';

/** One change that must reach a gate. */
export interface Change {
  /** The client whose gate must receive the change. */
  readonly worker: Credentials;
  /** Sends the request of the change, which is the same each time. */
  readonly make: () => Promise<Response>;
  /** Returns whether token requests or introspection see the change. */
  readonly isSeen: () => Promise<boolean>;
}

type World = Awaited<ReturnType<typeof world>>;
type Prepare = (made: World & { client: string }) => Promise<Omit<Change, 'worker'>>;

const patch = (path: string, body: unknown) => () => api('PATCH', path, { body });
const remove = (path: string) => () => api('DELETE', path);
function post(path: string, body: unknown = {}) {
  const headers = { 'Idempotency-Key': crypto.randomUUID() };
  return () => api('POST', path, { body, headers });
}

const statusIs = (worker: Credentials, wanted: number) => async () => (await requestToken(worker)).status === wanted;
const scopeIs = (worker: Credentials, wanted: string) => async () => (await getToken(worker)).scope === wanted;

/** Gets a token, and returns a function that returns whether it has become inactive. */
async function losesToken(worker: Credentials): Promise<() => Promise<boolean>> {
  const { access_token: token } = await getToken(worker);
  const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}` };
  return async () => {
    const answer = await postForm('/oauth2/introspect', { token }, { headers });
    return !(await answer.json<{ active: boolean }>()).active;
  };
}

/** Gives the client a role that grants the scope `admin`. */
async function giveRole({ client, organization, identifier }: Parameters<Prepare>[0]): Promise<string> {
  const grants = [{ resource_server: identifier, scopes: ['admin'] }];
  const { id } = await create('roles', { organization_id: organization, name: 'admin', grants });
  await done('PATCH', client, { body: { roles: [id] } });
  return id ?? '';
}

async function rotate(client: string, body: object = {}): Promise<string> {
  await done('POST', `${client}/secrets/rotate`, { body });
  const { data } = await done<{ data: { id: string; rank: string }[] }>('GET', `${client}/secrets`);
  return data.find(({ rank }) => rank === 'secondary')?.id ?? '';
}

const kinds: Record<string, Prepare> = {
  'a client disabled': async ({ client, worker }) => ({
    make: patch(client, { status: 'disabled' }),
    isSeen: statusIs(worker, 401),
  }),
  'a client enabled': async ({ client, worker }) => {
    await done('PATCH', client, { body: { status: 'disabled' } });
    return { make: patch(client, { status: 'active' }), isSeen: statusIs(worker, 200) };
  },
  'a role given': async ({ client, worker, organization, identifier }) => {
    const grants = [{ resource_server: identifier, scopes: ['admin'] }];
    await create('roles', { organization_id: organization, name: 'admin', grants });
    return { make: patch(client, { roles: ['admin'] }), isSeen: scopeIs(worker, 'admin read write') };
  },
  'a role changed': async (made) => {
    const role = await giveRole(made);
    const grants = [{ resource_server: made.identifier, scopes: [] }];
    return { make: patch(`roles/${role}`, { grants }), isSeen: scopeIs(made.worker, 'read write') };
  },
  'a role renamed': async (made) => {
    const role = await giveRole(made);
    const isSeen = async () => {
      const { roles } = decodeJwt((await getToken(made.worker)).access_token);
      return (roles as string[])[0] === 'boss';
    };
    return { make: patch(`roles/${role}`, { name: 'boss' }), isSeen };
  },
  'a role deleted': async (made) => {
    const role = await giveRole(made);
    return { make: remove(`roles/${role}?cascade=true`), isSeen: scopeIs(made.worker, 'read write') };
  },
  'a grant': async ({ client, worker, identifier }) => ({
    make: patch(client, { grants: [{ resource_server: identifier, scopes: ['read'] }] }),
    isSeen: scopeIs(worker, 'read'),
  }),
  'a lifetime': async ({ client, worker }) => ({
    make: patch(client, { access_token_ttl: 120 }),
    isSeen: async () => (await getToken(worker)).expires_in === 120,
  }),
  'a rate limit': async ({ client, worker }) => ({
    make: patch(client, { rate_limit: { per_minute: 60, burst: 50 } }),
    isSeen: async () => (await requestToken(worker)).headers.get('RateLimit-Policy') === '"client";q=50;w=50',
  }),
  'a secret rotated': async ({ client, worker }) => {
    const make = post(`${client}/secrets/rotate`);
    // The new secret is only shown when the change is acknowledged; another test asks for a token with it.
    return { make, isSeen: async () => (await heldRecord(worker)).secrets.length === 2 };
  },
  'a secret promoted': async ({ client, worker }) => {
    const old = await rotate(client, { grace_seconds: 1000 });
    const isSeen = async () => (await heldRecord(worker)).secrets.every(({ expires_at }) => expires_at === null);
    return { make: post(`${client}/secrets/${old}/promote`), isSeen };
  },
  'a secret deleted': async ({ client, worker }) => {
    const old = await rotate(client);
    return { make: remove(`${client}/secrets/${old}`), isSeen: statusIs(worker, 401) };
  },
  'a secret leaked': async ({ worker }) => ({
    make: () => api('POST', 'leaked-secrets', { body: { secret: worker.client_secret }, key: null }),
    isSeen: statusIs(worker, 401),
  }),
  'a resource server’s lifetime': async ({ server, worker }) => ({
    make: patch(`resource-servers/${server.id}`, { access_token_ttl: 300 }),
    isSeen: async () => (await getToken(worker)).expires_in === 300,
  }),
  'a resource server’s algorithm': async ({ server, worker }) => ({
    make: patch(`resource-servers/${server.id}`, { signing_alg: 'EdDSA' }),
    isSeen: async () => decodeProtectedHeader((await getToken(worker)).access_token).alg === 'EdDSA',
  }),
  'a scope removed': async ({ server, worker }) => ({
    make: patch(`resource-servers/${server.id}?cascade=true`, { scopes: [{ name: 'read' }, { name: 'admin' }] }),
    isSeen: scopeIs(worker, 'read'),
  }),
  'a resource server deleted': async ({ server, worker }) => ({
    make: remove(`resource-servers/${server.id}?cascade=true`),
    isSeen: statusIs(worker, 400),
  }),
  'an organization disabled': async ({ organization, worker }) => ({
    make: patch(`organizations/${organization}`, { status: 'disabled' }),
    isSeen: statusIs(worker, 401),
  }),
  'an organization’s subject': async ({ organization, worker }) => ({
    make: patch(`organizations/${organization}`, { subject: 'organization' }),
    isSeen: async () => decodeJwt((await getToken(worker)).access_token).sub === organization,
  }),
  'an organization’s tokens revoked': async ({ organization, worker }) => ({
    make: post(`organizations/${organization}/revoke-tokens`),
    isSeen: await losesToken(worker),
  }),
  'an organization deleted': async ({ organization, worker }) => ({
    make: remove(`organizations/${organization}?cascade=true`),
    isSeen: statusIs(worker, 401),
  }),
  'a client’s key': async (made) => {
    const old = await switchToKey(made);
    const signer = await newSigner('ES256');
    return {
      make: patch(made.client, { jwks: { keys: [signer.publicJwk] } }),
      isSeen: async () => (await isTaken(made.worker, signer)) && !(await isTaken(made.worker, old)),
    };
  },
  'a client’s way to authenticate': async (made) => {
    const signer = await switchToKey(made);
    return {
      make: patch(made.client, { token_endpoint_auth_method: 'client_secret_basic', dpop_bound_access_tokens: false }),
      isSeen: async () => !(await isTaken(made.worker, signer)) && (await requestToken(made.worker)).status === 200,
    };
  },
  'a client’s binding': async ({ client, worker }) => ({
    make: patch(client, { dpop_bound_access_tokens: true }),
    isSeen: statusIs(worker, 400),
  }),
  'an organization’s profile': async (made) => {
    const signer = await switchToKey(made);
    await done('DELETE', `clients/${made.api.client_id}`);
    const isRefused = async () => {
      const { client_id } = made.worker;
      const assertion = await assertionOf(client_id, signer, { aud: [ISSUER] });
      return (await askWith(assertion, {}, { dpop: await proofOf(signer) })).status === 401;
    };
    return { make: patch(`organizations/${made.organization}`, { security_profile: 'strict' }), isSeen: isRefused };
  },
  'a client deleted': async ({ client, worker }) => ({ make: remove(client), isSeen: statusIs(worker, 401) }),
  'a client’s tokens revoked': async ({ client, worker }) => ({
    make: post(`${client}/revoke-tokens`),
    isSeen: await losesToken(worker),
  }),
};

/** Changes the client to authentication by a key, and lets the isolate of the test learn about it. */
async function switchToKey({ client, worker }: Parameters<Prepare>[0]): Promise<Signer> {
  const signer = await newSigner('ES256');
  await done('PATCH', client, {
    body: {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [signer.publicJwk] },
      dpop_bound_access_tokens: true,
    },
  });
  if (!(await isTaken(worker, signer))) throw new Error('the key is not taken');
  return signer;
}

async function isTaken({ client_id }: Credentials, signer: Signer): Promise<boolean> {
  const dpop = await proofOf(signer);
  return (await askWith(await assertionOf(client_id, signer), {}, { dpop })).status === 200;
}

let worlds = 0;

/** The kinds of change, by name. Each prepares its own world, in which the client's gate holds the state before the change. */
export const KINDS = Object.entries(kinds).map(([name, prepare]) => ({
  name,
  async prepare(): Promise<Change> {
    const made = await world(`kind-${++worlds}`);
    await getToken(made.worker);
    return { worker: made.worker, ...(await prepare({ ...made, client: `clients/${made.worker.client_id}` })) };
  },
}));
