import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startEdgemint } from '../harness/edgemint.ts';
import { freePort, startWorker } from '../harness/worker.ts';
import type { Target } from './load.ts';
import { machineKey } from './signing.ts';

// The subjects of the benchmark: Edgemint, and two to compare it with.

export interface Subject {
  readonly name: string;
  readonly target: Target;
  stop(): Promise<void>;
}

interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

const RESOURCE = 'https://api.example.com/orders';
const SCOPE = 'orders:read orders:write';
const TOKEN_FORM = { grant_type: 'client_credentials', scope: SCOPE, resource: RESOURCE };

/** A rate limit that no measurement reaches, so that tokens are measured and not refusals. */
const NO_RATE_LIMIT = { per_minute: 1_000_000, burst: 1_000_000 };

/**
 * Edgemint's token endpoint; its introspection endpoint with one of its tokens and a cached caller; and the token endpoint with
 * `private_key_jwt` instead of a secret, with DPoP, and with both.
 */
export async function edgemint(): Promise<Subject[]> {
  const { issuer, rootApiKey, stop } = await startEdgemint();
  const create = async <T>(path: string, body: unknown): Promise<T> => {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${rootApiKey}` };
    const response = await fetch(`${issuer}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<T>;
  };
  const scopes = SCOPE.split(' ');
  const { id: organization_id } = await create<{ id: string }>('organizations', { name: 'Benchmark' });
  await create('resource-servers', {
    organization_id,
    identifier: RESOURCE,
    name: 'Orders',
    scopes: scopes.map((name) => ({ name })),
  });
  const machine = await create<Credentials>('clients', {
    organization_id,
    client_name: 'Machine',
    grants: [{ resource_server: RESOURCE, scopes }],
    rate_limit: NO_RATE_LIMIT,
  });
  const caller = await create<Credentials>('clients', {
    organization_id,
    client_name: 'Resource server',
    introspects: [RESOURCE],
  });

  const key = await machineKey();
  const keyed = await create<{ client_id: string }>('clients', {
    organization_id,
    client_name: 'Machine with a key',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.publicJwk] },
    grants: [{ resource_server: RESOURCE, scopes }],
    rate_limit: NO_RATE_LIMIT,
  });

  const tokens = { url: `${issuer}/oauth2/token`, headers: basic(machine), form: TOKEN_FORM };
  const form = { token: await accessToken(tokens) };
  const assertion = async () => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await key.assertion(keyed.client_id, issuer),
  });
  const proof = async () => ({ DPoP: await key.proof(tokens.url) });
  const unsigned = { ...tokens, headers: {} };
  const alongside = async () => {};
  return [
    { name: 'edgemint', target: tokens, stop },
    {
      name: 'edgemint introspection',
      target: { url: `${issuer}/oauth2/introspect`, headers: basic(caller), form },
      stop: alongside,
    },
    {
      name: PRIVATE_KEY_JWT,
      target: { ...unsigned, once: async () => ({ headers: {}, form: await assertion() }) },
      stop: alongside,
    },
    { name: DPOP, target: { ...tokens, once: async () => ({ headers: await proof() }) }, stop: alongside },
    {
      name: BOTH,
      target: { ...unsigned, once: async () => ({ headers: await proof(), form: await assertion() }) },
      stop: alongside,
    },
  ];
}

export const PRIVATE_KEY_JWT = 'edgemint, private_key_jwt';
export const DPOP = 'edgemint, secret and DPoP';
export const BOTH = 'edgemint, private_key_jwt and DPoP';

/** The least that a token can cost on this platform; see the source of the floor. */
export async function floor(): Promise<Subject> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = fileURLToPath(new URL('floor/wrangler.toml', import.meta.url));
  const worker = await startWorker(config, { ISSUER: url }, { host: '127.0.0.1', port });
  return {
    name: 'floor',
    target: { url: `${url}/oauth2/token`, headers: basic(INVENTED_CLIENT), form: TOKEN_FORM },
    stop: () => worker.dispose(),
  };
}

/** oidc-provider on Node, in its own process. */
export async function oidcProvider(): Promise<Subject> {
  const port = await freePort();
  const { client_id, client_secret } = INVENTED_CLIENT;
  const child = fork(
    fileURLToPath(new URL('oidc-server.ts', import.meta.url)),
    [String(port), client_id, client_secret, RESOURCE, SCOPE],
    { env: { ...process.env, NODE_ENV: 'production' }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const exited = once(child, 'exit');
  const stopped = exited.then(([code]) => Promise.reject(new Error(`oidc-provider ended with ${code}.`)));
  await Promise.race([once(child, 'message'), stopped]);
  return {
    name: 'oidc-provider',
    target: { url: `http://127.0.0.1:${port}/token`, headers: basic(INVENTED_CLIENT), form: TOKEN_FORM },
    stop: async () => {
      child.kill();
      await exited;
    },
  };
}

/** Credentials of the usual length, for subjects that do not generate any. */
const INVENTED_CLIENT: Credentials = {
  client_id: `emc_${'0'.repeat(30)}`,
  client_secret: `ems_${'0'.repeat(49)}`,
};

function basic({ client_id, client_secret }: Credentials): { Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` };
}

/** Requests one token, to check that the target issues tokens. */
export async function accessToken({ url, headers, form, once }: Target): Promise<string> {
  const made = await once?.();
  const body = new URLSearchParams({ ...form, ...made?.form });
  const response = await fetch(url, { method: 'POST', headers: { ...headers, ...made?.headers }, body });
  const { access_token } = (await response.json()) as { access_token?: string };
  if (!access_token) throw new Error(`${url} gave no token: ${response.status}`);
  return access_token;
}
