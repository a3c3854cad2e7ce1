import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { base64url, type JWK } from 'jose';
import { createApp } from '../../src/app.ts';
import { generateApiKey } from '../../src/credentials/api-key.ts';
import { deriveMasterKeys, retireMasterKey } from '../../src/credentials/master-key.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import edgemint from '../../src/index.ts';
import { unseal } from '../../src/keys/sealing.ts';
import { API_KEY_SCOPES } from '../../src/management/http/authorization.ts';
import { readConfig } from '../../src/platform/config.ts';
import type { Env } from '../../src/platform/env.ts';
import { createServices } from '../../src/services.ts';
import { basic, type Credentials, create, createClient, done, getToken, ISSUER, revoke, world } from '../http.ts';
import { instrument } from '../instruments.ts';
import { assertionOf, JWT_BEARER, keyClient, proofOf } from '../machines.ts';
import { MOUNTED } from '../management/every-route.ts';
import { keyWith, rowsOf } from '../management/rows.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { forge, stealKey } from '../tokens/forge.ts';
import type { Canaries } from './canaries.ts';

// Requests with known secrets in every input of the service that takes a secret, or into which a caller may put one by mistake.

export type Ask = () => Promise<Response>;

/** A set of credentials, right or wrong. */
interface Presented {
  readonly headers?: Record<string, string>;
  readonly form?: Record<string, string>;
}

export interface Scene {
  readonly organization: string;
  /** The clients whose credentials are presented. */
  readonly clientIds: readonly string[];
  /** The audience of the clients' tokens. */
  readonly identifier: string;
  /** A marker that is not a secret of the service: a value that a caller put in the wrong place. */
  readonly stray: string;
  readonly presented: Readonly<Record<string, Presented>>;
  /** The member of `presented` that every endpoint accepts. */
  readonly right: Presented;
  readonly tokens: Readonly<Record<string, string>>;
  /** Secrets of every kind, to put into inputs that do not expect one. */
  readonly misplaced: readonly string[];
  /** All of these secrets in one text, for the error messages of failing stores. */
  readonly everything: string;
}

const QUICK = { rate_limit: { per_minute: 600_000, burst: 100_000 } };
const random = () => base64url.encode(crypto.getRandomValues(new Uint8Array(24)));

export async function scene(canaries: Canaries): Promise<Scene> {
  const marker = (name: string, text = random()) => canaries.keep(name, text);
  const masterKeys = await keepMasterKey(canaries, 'MASTER_KEY', env.MASTER_KEY);
  marker('ROOT_API_KEY', env.ROOT_API_KEY);

  const { organization, identifier, worker, api } = await world('canary', { may_rotate_secret: true, ...QUICK });
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  const another = (client_name: string, more = {}) =>
    createClient({ organization_id: organization, client_name, grants, ...QUICK, ...more });
  const imported = { client_id: 'moved-in', client_secret: marker('the secret of an imported client') };
  await another('moved in', imported);
  const edge = 'https://edge.canary.example.com';
  const server = { organization_id: organization, identifier: edge, name: 'edge', introspection: 'edge' };
  await create('resource-servers', { ...server, scopes: [{ name: 'read' }] });
  const atEdge = await another('at the edge', { grants: [{ resource_server: edge, scopes: ['read'] }] });
  const disabled = await another('disabled', { status: 'disabled' });
  const apiKey = await keyWith(organization, API_KEY_SCOPES);

  const live = (await getToken(worker)).access_token;
  const stray = marker('what was put in the wrong place');
  const wrong = marker('a secret that nobody has', generateSecret('ems_'));
  const mistyped = worker.client_secret.slice(0, -1) + (worker.client_secret.endsWith('0') ? '1' : '0');
  const unknownKey = marker('an API key that nobody has', (await generateApiKey(masterKeys)).reveal());
  const assertion = await forge({ alg: 'ES256' }, { iss: worker.client_id, jti: stray }, await stealKey('ES256'));
  marker('an assertion', assertion);

  const revoked = (await getToken(worker)).access_token;
  await revoke(worker, revoked);
  const expired = await forge(
    { alg: 'ES256', typ: 'at+jwt' },
    { iss: ISSUER, exp: 1, client_id: worker.client_id },
    await stealKey('ES256'),
  );
  marker('an expired token', expired);
  const tokens = {
    live,
    'for who introspects at the edge': (await getToken(atEdge)).access_token,
    revoked,
    expired,
    forged: `${live.slice(0, -8)}${stray.slice(0, 8)}`,
    garbage: stray,
    'a secret': worker.client_secret,
    'an API key': apiKey,
    'of dots': `${stray}.${stray}.${stray}`,
  };

  const secrets: Record<string, Credentials> = {
    right: worker,
    'of who introspects': api,
    wrong: { ...worker, client_secret: wrong },
    mistyped: { ...worker, client_secret: mistyped },
    'of nobody': { client_id: worker.client_id.replace(/.$/, 'x'), client_secret: wrong },
    'of nobody who moved in': { client_id: 'never-moved-in', client_secret: wrong },
    imported,
    'imported, wrong': { ...imported, client_secret: wrong },
    disabled,
    'disabled, wrong': { ...disabled, client_secret: wrong },
    'the secret for an id': { client_id: worker.client_secret, client_secret: worker.client_secret },
    'a marker for an id': { client_id: stray, client_secret: stray },
    'the token for an id': { client_id: live.slice(0, 200), client_secret: live },
  };
  const presented: Record<string, Presented> = { nothing: {} };
  for (const [name, { client_id, client_secret }] of Object.entries(secrets)) {
    presented[`by header: ${name}`] = { headers: { Authorization: basic(client_id, client_secret) } };
    presented[`by form: ${name}`] = { form: { client_id, client_secret } };
  }
  const { client_id, client_secret } = worker;
  const authorizations = {
    'the root key': `Bearer ${env.ROOT_API_KEY}`,
    'an API key': `Bearer ${apiKey}`,
    'an API key that nobody has': `Bearer ${unknownKey}`,
    'an API key with a typo': `Bearer ${apiKey.slice(0, -1)}!`,
    'a token as a key': `Bearer ${live}`,
    'a secret as a key': `Bearer ${client_secret}`,
    'a malformed key': `Bearer ${stray} ${stray}`,
    'no base64': `Basic ${stray}!`,
    'no colon': `Basic ${btoa(stray)}`,
    'no form encoding': `Basic ${btoa(`${client_id}:${stray}%zz`)}`,
    'another scheme': `Digest ${stray}`,
    'no scheme': stray,
  };
  for (const [name, Authorization] of Object.entries(authorizations)) presented[name] = { headers: { Authorization } };
  presented.twice = {
    headers: { Authorization: basic(client_id, client_secret) },
    form: { client_id, client_secret },
  };
  presented['an assertion'] = {
    form: {
      client_assertion: assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    },
  };
  const signer = await newSigner('ES256');
  const keyed = await keyClient({ organization, identifier }, 'keyed', [signer.publicJwk], QUICK);
  const [good, late] = [await assertionOf(keyed, signer), await assertionOf(keyed, signer, { exp: 1 })];
  const proof = marker('a proof', await proofOf(signer));
  for (const [name, text] of Object.entries({ 'right, once': good, expired: late })) {
    const client_assertion = marker(`an assertion, ${name}`, text);
    presented[`an assertion, ${name}`] = {
      headers: { DPoP: proof },
      form: { client_assertion, client_assertion_type: JWT_BEARER },
    };
  }
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const granted = marker('an assertion, as a grant', await assertionOf(keyed, signer));
  presented['an assertion, as a grant'] = { form: { grant_type, assertion: granted } };
  presented['an assertion, as a grant, forged'] = { form: { grant_type, assertion: `${stray}.${stray}.${stray}` } };
  presented['an assertion in a DPoP header'] = {
    headers: { DPoP: good, Authorization: basic(client_id, client_secret) },
  };
  presented['two client_ids'] = {
    headers: { Authorization: basic(client_id, client_secret) },
    form: { client_id: stray },
  };

  const all = [
    ...[stray, wrong, mistyped, unknownKey, apiKey, env.ROOT_API_KEY, env.MASTER_KEY, assertion],
    ...Object.values(tokens),
    ...Object.values(secrets).map((one) => one.client_secret),
  ];
  await keepStored(canaries);
  const hashes = await rowsOf<{ hash: string }>('SELECT hash FROM client_secrets UNION ALL SELECT hash FROM api_keys');
  return {
    organization,
    clientIds: [...new Set(Object.values(secrets).map(({ client_id }) => client_id))],
    identifier,
    stray,
    presented,
    right: { headers: { Authorization: basic(client_id, client_secret) } },
    tokens,
    misplaced: all,
    everything: [...all, ...hashes.map(({ hash }) => hash)].join(' '),
  };
}

/** Registers a master key and every key that is derived from it. */
export async function keepMasterKey(canaries: Canaries, name: string, text: string) {
  canaries.keep(name, text);
  const [raw] = readConfig({ ...env, MASTER_KEY: text }).masterKeys;
  if (!raw) throw new TypeError('no master key');
  // The master key of the tests is readable text, `test-master-key-…`, and the header of a seal contains `retired-master-key`.
  const header = /^(D1 retired_master_keys\.sealed_keys|KV retired-master-keys)$/;
  canaries.keep(`${name}, its bytes`, raw.reveal(), header);
  const masterKeys = await deriveMasterKeys([raw]);
  const { id: _, ...derived } = await retireMasterKey(raw);
  for (const [what, key] of Object.entries(derived)) canaries.keep(`${name}, its ${what}`, base64url.decode(key));
  canaries.keep(`${name}, its sealing key`, masterKeys[0].sealing);
  return masterKeys;
}

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const;

/**
 * Registers the stored forms of secrets: hashes and sealed values. Each is allowed in its own column only. Also registers the private
 * halves of the signing keys, which are allowed nowhere.
 */
export async function keepStored(canaries: Canaries, masterKey = env.MASTER_KEY): Promise<void> {
  const stored = async (name: string, column: string, table: string, mayStand: RegExp) => {
    for (const row of await rowsOf<{ value: string }>(`SELECT ${column} AS value FROM ${table}`)) {
      // Skip the master key's id or the header, which are not secret.
      canaries.keep(name, row.value.slice(row.value.lastIndexOf('.', row.value.length - 30) + 1), mayStand);
    }
  };
  await stored('a secret’s hash', 'hash', 'client_secrets', /^(D1 client_secrets\.hash|gate record\.json)$/);
  await stored('an API key’s hash', 'hash', 'api_keys', /^D1 (api_keys\.hash|console_(sessions|links)\.credential)$/);
  await stored('the hash of a session', 'hash', 'console_sessions', /^D1 console_sessions\.hash$/);
  await stored('the hash of a link', 'hash', 'console_links', /^D1 console_links\.hash$/);
  await stored('a request’s hash', 'fingerprint', 'idempotency_keys', /^D1 idempotency_keys\.fingerprint$/);
  for (const { sealed } of await rowsOf<{ sealed: string }>('SELECT sealed_body AS sealed FROM idempotency_keys')) {
    canaries.keep('a sealed answer', sealed.split('.')[3] ?? '', /^D1 idempotency_keys\.sealed_body$/);
  }
  const masterKeys = await deriveMasterKeys(readConfig({ ...env, MASTER_KEY: masterKey }).masterKeys);
  for (const { sealed } of await rowsOf<{ sealed: string }>('SELECT sealed_secrets AS sealed FROM webhooks')) {
    canaries.keep('sealed secrets of a webhook', sealed.split('.')[3] ?? '', /^D1 webhooks\.sealed_secrets$/);
    for (const secret of await unseal<string[]>(sealed, 'webhook-secrets', masterKeys))
      canaries.keep('a secret of a webhook', secret.slice('whsec_'.length, -1));
  }
  for (const { sealed } of await rowsOf<{ sealed: string }>('SELECT sealed_private_jwk AS sealed FROM signing_keys')) {
    canaries.keep('a sealed key', sealed.split('.')[3] ?? '', /^(D1 signing_keys\.sealed_private_jwk|KV key-ring)$/);
    const jwk = await unseal<JWK>(sealed, 'signing-key', masterKeys);
    for (const member of PRIVATE) {
      const value = jwk[member];
      if (value !== undefined) canaries.keep(`${member} of a signing key`, base64url.decode(value));
    }
  }
}

interface Init {
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

// Each request has its own address. Otherwise the limit on failed attempts per address would stop most of them.
let requests = 0;

/**
 * Sends a request as if it came over the network, each from another address.
 * @param bindings replaces bindings of the isolate
 */
export function send(method: string, path: string, init: Init = {}, bindings?: Partial<Env>): Promise<Response> {
  const headers = { ...init.headers, 'CF-Connecting-IP': `2001:db8:${(++requests).toString(16)}::1` };
  const url = new URL(path, ISSUER);
  const request = new Request<unknown, IncomingRequestCfProperties>(url, { ...init, method, headers });
  return edgemint.fetch(request, instrument(bindings ? { ...env, ...bindings } : env), createExecutionContext());
}

function form(entries: Record<string, string> | string): string {
  return typeof entries === 'string' ? entries : new URLSearchParams(entries).toString();
}

const FORM = 'application/x-www-form-urlencoded';
const REQUEST = { grant_type: 'client_credentials' };

/** Returns every path outside the management API, with the methods that it allows. */
export async function oauthRoutes(): Promise<readonly (readonly [path: string, methods: readonly string[]])[]> {
  const app = createApp(createServices(env));
  const paths = new Set(app.routes.map(({ path }) => path).filter((path) => path !== '/v1/*'));
  return Promise.all(
    [...paths].map(async (path) => {
      // These routes accept every method, and answer a wrong one with the list of right ones.
      const allow = (await app.request(path, { method: 'PUT' })).headers.get('Allow') ?? '';
      return [path, allow.split(', ')] as const;
    }),
  );
}

/** Returns form requests to a POST endpoint, with each kind of credential, right or wrong. */
export function forms(path: string, { presented, right, tokens, stray, misplaced }: Scene): Ask[] {
  const post = (
    body: Record<string, string> | string,
    { headers = {}, form: more = {} }: Presented,
    type = FORM,
  ): Ask => {
    const whole = typeof body === 'string' ? body : form({ ...body, ...more });
    return () => send('POST', path, { headers: { 'Content-Type': type, ...headers }, body: whole });
  };
  const [live = ''] = Object.values(tokens);
  const root = { headers: { Authorization: `Bearer ${env.ROOT_API_KEY}` } };
  const strays: (Record<string, string> | string)[] = [
    { ...REQUEST, scope: stray },
    { ...REQUEST, scope: `read ${live}`.slice(0, 500) },
    { ...REQUEST, resource: `https://${stray}.example.com/${stray}` },
    { ...REQUEST, resource: stray },
    { ...REQUEST, claims: JSON.stringify({ [stray]: stray }) },
    { ...REQUEST, claims: `{"a":"${stray}"` },
    { grant_type: stray, token: live },
    { token: live, introspection: stray, grace_seconds: stray, token_type_hint: stray },
    { token: live, scope: stray },
    { ...REQUEST, token: live, grace_seconds: stray, [stray]: stray },
    `${form({ ...REQUEST, token: live, client_secret: stray })}&client_secret=${stray}`,
    `${form({ ...REQUEST, token: live })}&${stray}=%zz${stray}`,
    `{"client_secret":"${stray}"}`,
    `${form({ ...REQUEST, token: live })}&a=${stray.repeat(600)}`,
  ];
  return [
    ...Object.values(presented).map((by) => post({ ...REQUEST, token: live }, by)),
    ...Object.values(tokens).flatMap((token) => [post({ ...REQUEST, token }, right), post({ token }, root)]),
    ...strays.flatMap((body) => [post(body, right), post(body, root)]),
    ...misplaced.map((secret) => post({ ...REQUEST, token: secret, scope: secret, resource: secret }, right)),
    post(REQUEST, right, `application/json; secret=${stray}`),
    post(REQUEST, right, stray),
  ];
}

/** Returns requests for the revocation feed, with secrets in each parameter as well. */
export function feeds({ identifier, stray, misplaced }: Scene): Ask[] {
  const secrets = [stray, ...misplaced];
  const queries = [
    { audience: identifier },
    ...secrets.flatMap((secret) => [{ audience: secret }, { audience: identifier, since: secret }]),
  ];
  return queries.map(
    (query) => () => send('GET', `/oauth2/revocations?${new URLSearchParams(query as Record<string, string>)}`),
  );
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'PROPFIND'] as const;
const QUERY_NAMES = [
  ...['client_secret', 'token', 'cursor', 'limit', 'organization_id', 'name', 'status', 'role', 'resource_server'],
  ...['actor', 'target', 'action', 'from', 'to', 'cascade', 'audience', 'since'],
];
const HEADER_NAMES = [
  ...[
    'User-Agent',
    'Referer',
    'Cookie',
    'Origin',
    'X-Request-Id',
    'X-Forwarded-For',
    'CF-Ray',
    'Traceparent',
    'X-Api-Key',
  ],
  ...['Accept', 'If-Match', 'If-None-Match', 'X-Client-Secret', 'Accept-Language'],
];

/** Returns requests to a route with secrets in places that expect none: path, query, headers and body, by several methods. */
export function strays(path: string, { stray, presented, tokens, misplaced }: Scene): Ask[] {
  const root = { Authorization: `Bearer ${env.ROOT_API_KEY}`, 'Content-Type': 'application/json' };
  const filled = path.replace(/[:{]\w+\}?/g, stray);
  const odd = Object.fromEntries(HEADER_NAMES.map((name) => [name, stray]));
  const query = (secret: string) => new URLSearchParams(QUERY_NAMES.map((name) => [name, secret]));
  const bodies = [
    JSON.stringify({ client_secret: stray, secret: stray, token: stray, unknown: { nested: [stray] } }),
    JSON.stringify({
      name: [stray],
      client_name: { a: stray },
      scopes: [stray],
      grants: [{ scopes: [stray] }],
      alg: stray,
    }),
    JSON.stringify({ organization_id: stray, client_id: stray, client_secret: stray, roles: [stray], status: stray }),
    JSON.stringify({ token: tokens.live, unknown: stray, kid: stray, emergency: stray, expires_at: stray, jti: stray }),
    JSON.stringify({ secret: stray }),
    JSON.stringify({ token: tokens.forged }),
    JSON.stringify(stray),
    `{"client_secret":"${stray}"`,
    `${stray}`,
  ];
  const writes = ['POST', 'PATCH', 'PUT', 'DELETE'] as const;
  return [
    ...METHODS.map((method) => () => send(method, `${filled}?${query(stray)}`, { headers: { ...odd, ...root } })),
    ...misplaced.map((secret) => () => {
      const within = encodeURIComponent(secret.slice(0, 300));
      return send('GET', `${path.replace(/[:{]\w+\}?/g, within)}?${query(secret)}`, { headers: root });
    }),
    ...QUERY_NAMES.map((name) => () => send('GET', `${filled}?${name}=${stray}`, { headers: root })),
    () => send('GET', `${filled}/${stray}`, { headers: root }),
    () => send('GET', `/${stray}${filled}#${stray}`, { headers: root }),
    () => send('POST', filled, { headers: { ...root, 'Content-Type': `text/${stray}; a=${stray}` }, body: stray }),
    () => send('POST', filled, { headers: { ...root, 'Idempotency-Key': `${stray} ${stray}` }, body: bodies[0] ?? '' }),
    ...writes.flatMap((method) =>
      bodies.map((body) => () => send(method, filled, { headers: { ...root, ...odd }, body })),
    ),
    ...writes.flatMap((method) =>
      bodies.map((body) => () => {
        const headers = { ...root, 'Idempotency-Key': crypto.randomUUID() };
        return send(method, filled, { headers, body });
      }),
    ),
    ...Object.values(presented).flatMap(({ headers }) =>
      headers ? (['GET', 'POST'] as const).map((method) => () => send(method, filled, { headers })) : [],
    ),
  ];
}

/** Every path of the management API, as it is mounted. */
export const MANAGEMENT_PATHS = [...new Set([...MOUNTED].map((route) => `/v1${route.split(' ')[1]}`))];

/** Returns requests that create and show secrets, or are refused because of one, each twice with the same Idempotency-Key. */
export async function secretWork({ organization, misplaced, tokens }: Scene, canaries: Canaries): Promise<Ask[]> {
  const root = { Authorization: `Bearer ${env.ROOT_API_KEY}`, 'Content-Type': 'application/json' };
  const again = (path: string, body: unknown) => {
    const headers = { ...root, 'Idempotency-Key': crypto.randomUUID() };
    const ask = () => send('POST', `/v1/${path}`, { headers, body: JSON.stringify(body) });
    return [ask, ask];
  };
  const reported = await createClient({ organization_id: organization, client_name: crypto.randomUUID() });
  const rotated = await createClient({ organization_id: organization, client_name: crypto.randomUUID() });
  const gone = await keyWith(organization, ['clients:read']);
  const name = crypto.randomUUID();
  const client_id = `moved-${crypto.randomUUID()}`;
  const client_secret = canaries.keep('a secret that is brought along', random());
  const client = { organization_id: organization, client_name: name, client_id, client_secret };
  const { id } = await create<{ id: string }>('organizations', { name: crypto.randomUUID() });
  const { privateJwk } = await newSigner('ES256');
  canaries.keep('the private half of a client’s key', base64url.decode(privateJwk.d ?? ''));
  const careless = {
    organization_id: organization,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [privateJwk] },
  };
  const of = `clients/${rotated.client_id}/secrets`;
  await done('POST', `${of}/rotate`);
  const { data } = await done<{ data: { id: string; rank: string }[] }>('GET', of);
  const secondary = data.find(({ rank }) => rank === 'secondary')?.id;
  return [
    ...again('clients', client),
    ...again('clients', { ...careless, client_name: crypto.randomUUID() }),
    // Names and secrets that are already in use: they violate database constraints.
    ...again('clients', { ...client, client_name: crypto.randomUUID() }),
    ...again('clients', { ...client, client_id: `${client_id}-too` }),
    ...again('clients', { ...client, client_id: `${client_id}-too`, client_name: crypto.randomUUID() }),
    ...again('clients', { ...client, client_id: tokens.garbage, unknown: tokens.garbage }),
    ...again('clients', { ...client, client_secret: 'short' }),
    ...again('api-keys', { organization_id: organization, name, scopes: ['clients:read'] }),
    ...again('api-keys', { organization_id: organization, name, scopes: ['clients:read'], expires_at: tokens.live }),
    ...again(`${of}/${secondary}/promote`, {}),
    ...again(`${of}/rotate`, {}),
    ...again(`${of}/rotate`, { replace_secondary: true }),
    ...again(`organizations/${id}/revoke-tokens`, {}),
    ...again('leaked-secrets', { secret: reported.client_secret }),
    ...again('leaked-secrets', { secret: gone }),
    ...Object.values(tokens).flatMap((token) => again('tokens/revoke', { token })),
    ...misplaced.flatMap((secret) => [
      ...again('tokens/revoke', { jti: secret.slice(0, 100), client_id: secret.slice(0, 300), expires_at: secret }),
    ]),
    ...misplaced.slice(0, 3).flatMap((secret) => again('leaked-secrets', { secret })),
  ];
}

/** Signs in to the console by each kind of credential, right and wrong, uses the session, and signs out of one. */
export async function consoleWork({ organization, stray }: Scene): Promise<void> {
  const page = { 'Sec-Fetch-Site': 'same-origin', Origin: ISSUER, 'Content-Type': 'application/json' };
  const signIn = (credential: object) =>
    send('POST', '/console/session', { headers: page, body: JSON.stringify(credential) });
  const api_key = await keyWith(organization, ['clients:read', 'portal-links:write']);
  const link = (await done<{ url: string }>('POST', 'console-links', { body: {} })).url.split('#')[1];
  const portal = { organization_id: organization, scopes: ['clients:read'], return_url: 'https://app.example.com/' };
  const portalLink = (await done<{ url: string }>('POST', 'portal-links', { body: portal })).url.split('#')[1];
  for (const credential of [{ api_key: env.ROOT_API_KEY }, { api_key }, { link }, { link: portalLink }]) {
    const answer = await signIn(credential);
    if (answer.status !== 201) throw new Error(`${Object.keys(credential)}: ${answer.status}`);
    const Cookie = answer.headers.get('Set-Cookie')?.split(';')[0] ?? '';
    const headers = { ...page, Cookie };
    for (const path of ['/console/session', '/v1/clients', `/v1/clients/${stray}`])
      await send('GET', path, { headers });
    await send('POST', '/v1/clients', { headers, body: JSON.stringify({ client_name: stray, status: stray }) });
    await send('GET', '/v1/clients', { headers: { Cookie } });
    await send('POST', '/oauth2/introspect', {
      headers: { ...headers, 'Content-Type': FORM },
      body: form({ token: stray }),
    });
    if ('link' in credential) await signIn(credential);
    else await send('DELETE', '/console/session', { headers });
  }
  for (const credential of [{ api_key: stray }, { link: stray }, { [stray]: stray }, { access: stray }])
    await signIn(credential);
}
