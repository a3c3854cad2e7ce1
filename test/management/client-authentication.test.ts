import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { certificates, jwkOf } from '../certificates.ts';
import { api, create, done, ISSUER } from '../http.ts';
import { consoleOf } from '../log/lines.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { everyRow, pointedAt, problemOf } from './rows.ts';

type Fields = Readonly<Record<string, unknown>>;

const GITHUB = 'https://token.actions.githubusercontent.com';

let organization: string;
let key: JWK;
let certified: JWK;
let counter = 0;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Keys' })).id ?? '';
  key = (await newSigner('ES256', { kid: 'first' })).publicJwk;
  certified = await jwkOf(certificates.own);
});

const bodyOf = (fields: Fields) => ({ organization_id: organization, client_name: `keys ${++counter}`, ...fields });
const newClient = (fields: Fields = {}) => create<Record<string, unknown>>('clients', bodyOf(fields));

const byKeys = (...keys: unknown[]) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys } });
const trusting = (...federated_identities: unknown[]) => ({
  token_endpoint_auth_method: 'federated_jwt',
  federated_identities,
});
const gitlab = { issuer: 'https://gitlab.example.com', subject: 'project_path:acme/*' };

async function weakRsa(): Promise<JWK> {
  const parameters = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1024 };
  const publicExponent = new Uint8Array([1, 0, 1]);
  const pair = await crypto.subtle.generateKey({ ...parameters, publicExponent }, true, ['sign', 'verify']);
  return exportJWK((pair as CryptoKeyPair).publicKey);
}

async function publicKey(alg: string, options: object = {}): Promise<JWK> {
  return exportJWK((await generateKeyPair(alg, { extractable: true, ...options })).publicKey);
}

type Case = readonly [what: string, fields: () => Fields | Promise<Fields>, pointers: readonly string[]];

const CASES: readonly Case[] = [
  // Keys.
  ['a private key', async () => byKeys((await newSigner('ES256')).privateJwk), ['/jwks/keys/0']],
  ['a private RSA key', async () => byKeys((await newSigner('PS256')).privateJwk), ['/jwks/keys/0']],
  [
    'a private key behind a public one',
    async () => byKeys(key, (await newSigner('EdDSA')).privateJwk),
    ['/jwks/keys/1'],
  ],
  ['a shared secret', () => byKeys({ kty: 'oct', k: 'c2VjcmV0' }), ['/jwks/keys/0']],
  ['an RSA key of 1024 bits', async () => byKeys(await weakRsa()), ['/jwks/keys/0']],
  ['a key of another sort', () => byKeys({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' }), ['/jwks/keys/0']],
  ['a key on another curve', async () => byKeys(await publicKey('ES384')), ['/jwks/keys/0']],
  ['a key for agreements', async () => byKeys(await publicKey('ECDH-ES', { crv: 'X25519' })), ['/jwks/keys/0']],
  ['a point that is on no curve', () => byKeys({ ...key, y: key.x }), ['/jwks/keys/0']],
  ['a key without its members', () => byKeys({ kty: 'EC', crv: 'P-256' }), ['/jwks/keys/0']],
  ['a key for encryption', () => byKeys({ ...key, use: 'enc' }), ['/jwks/keys/0']],
  ['a key for signing alone', () => byKeys({ ...key, key_ops: ['sign'] }), ['/jwks/keys/0']],
  ['a key for an algorithm of another sort', () => byKeys({ ...key, alg: 'RS256' }), ['/jwks/keys/0']],
  ['a key for no algorithm', () => byKeys({ ...key, alg: 'none' }), ['/jwks/keys/0']],
  ['a key whose kid is a number', () => byKeys({ ...key, kid: 7 }), ['/jwks/keys/0/kid']],
  ['a certificate of another key', () => byKeys({ ...key, x5c: certified.x5c }), ['/jwks/keys/0']],
  ['a certificate that is none', () => byKeys({ ...certified, x5c: ['AAAA'] }), ['/jwks/keys/0']],
  ['a certificate that is not in a list', () => byKeys({ ...certified, x5c: certified.x5c?.[0] }), ['/jwks/keys/0']],
  ['no certificate at all in x5c', () => byKeys({ ...certified, x5c: [] }), ['/jwks/keys/0']],
  ['what is no key', () => byKeys('key'), ['/jwks/keys/0']],
  ['a set without keys', () => byKeys(), ['/jwks/keys']],
  ['21 keys', () => byKeys(...Array.from({ length: 21 }, () => key)), ['/jwks/keys']],
  ['a set of more than 32 KiB', () => byKeys({ ...key, note: 'x'.repeat(33_000) }), ['/jwks']],
  ['keys and where they are', () => ({ ...byKeys(key), jwks_uri: 'https://keys.example.com/jwks' }), ['/jwks_uri']],
  // What a method needs.
  ['a method that is none', () => ({ token_endpoint_auth_method: 'none' }), ['/token_endpoint_auth_method']],
  ['another that is none', () => ({ additional_auth_methods: ['client_secret_jwt'] }), ['/additional_auth_methods/0']],
  ['a method twice', () => ({ additional_auth_methods: ['client_secret_basic'] }), ['/additional_auth_methods']],
  ['no key for private_key_jwt', () => ({ token_endpoint_auth_method: 'private_key_jwt' }), ['/jwks']],
  ['the same in addition', () => ({ additional_auth_methods: ['private_key_jwt'] }), ['/jwks']],
  [
    'no certificate for self_signed_tls_client_auth',
    () => ({ token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [key] } }),
    ['/jwks'],
  ],
  [
    'no subject for tls_client_auth',
    () => ({ token_endpoint_auth_method: 'tls_client_auth' }),
    ['/tls_client_auth_subject_dn'],
  ],
  [
    'two subjects',
    () => ({
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'worker.example.com',
      tls_client_auth_san_ip: '192.0.2.7',
    }),
    ['/tls_client_auth_subject_dn'],
  ],
  ['an empty subject', () => ({ tls_client_auth_san_uri: '' }), ['/tls_client_auth_san_uri']],
  ['no workload for federated_jwt', () => ({ token_endpoint_auth_method: 'federated_jwt' }), ['/federated_identities']],
  // Workloads.
  [
    'a workload of this service',
    () => trusting({ issuer: ISSUER, subject: 'worker' }),
    ['/federated_identities/0/issuer'],
  ],
  [
    'an issuer within',
    () => trusting(gitlab, { issuer: 'https://localhost', subject: 'worker' }),
    ['/federated_identities/1/issuer'],
  ],
  ['any workload of an issuer', () => trusting({ issuer: gitlab.issuer }), ['/federated_identities/0/subject']],
  [
    'a workload of whatever name',
    () => trusting({ issuer: gitlab.issuer, subject: '*' }),
    ['/federated_identities/0/subject'],
  ],
  [
    'any repository at GitHub',
    () => trusting({ issuer: GITHUB, claims: { ref: 'refs/heads/main' } }),
    ['/federated_identities/0/claims'],
  ],
  [
    'a workload’s private key',
    async () => trusting({ ...gitlab, jwks: { keys: [(await newSigner('RS256')).privateJwk] } }),
    ['/federated_identities/0/jwks/keys/0'],
  ],
  [
    'a workload’s keys and where they are',
    () => trusting({ ...gitlab, jwks: { keys: [key] }, jwks_uri: 'https://keys.example.com/jwks' }),
    ['/federated_identities/0/jwks_uri'],
  ],
  ['a field of no workload', () => trusting({ ...gitlab, repository: 'x' }), ['/federated_identities/0/repository']],
  // The strict profile.
  ['a secret, where it is strict', () => ({ security_profile: 'strict' }), ['/token_endpoint_auth_method']],
  [
    'a workload, where it is strict',
    () => ({ ...trusting(gitlab), security_profile: 'strict' }),
    ['/token_endpoint_auth_method'],
  ],
  [
    'a secret in addition, where it is strict',
    () => ({ ...byKeys(key), additional_auth_methods: ['client_secret_post'], security_profile: 'strict' }),
    ['/additional_auth_methods'],
  ],
  [
    'tokens for more than a quarter of an hour, where it is strict',
    () => ({ ...byKeys(key), access_token_ttl: 901, security_profile: 'strict' }),
    ['/access_token_ttl'],
  ],
  [
    'a key for RS256 behind one that is none, where it is strict',
    async () => ({
      ...byKeys({ ...key, use: 'enc' }, await publicKey('RS256').then((jwk) => ({ ...jwk, alg: 'RS256' }))),
      security_profile: 'strict',
    }),
    ['/jwks/keys/0', '/jwks/keys/1/alg'],
  ],
  ['a profile that is none', () => ({ security_profile: 'fapi' }), ['/security_profile']],
];

describe('is 422 at its place when a client is created or changed, and nothing is written:', () => {
  test.each(CASES)('%s', async (_, make, pointers) => {
    const { client_id } = await newClient();
    const fields = await make();
    const before = await everyRow();
    expect(await pointedAt(await api('POST', 'clients', { body: bodyOf(fields) }))).toEqual(pointers);
    expect(await pointedAt(await api('PATCH', `clients/${client_id}`, { body: fields }))).toEqual(pointers);
    expect(await everyRow()).toEqual(before);
  });

  test.each([
    'http://keys.example.com/jwks',
    'file:///etc/passwd',
    'data:application/json,{}',
    'https://127.0.0.1/jwks',
    'https://2130706433/jwks',
    'https://0x7f.1/jwks',
    'https://[::1]/jwks',
    'https://[::ffff:169.254.169.254]/jwks',
    'https://169.254.169.254/latest/meta-data',
    'https://metadata.google.internal/computeMetadata/v1',
    'https://localhost/jwks',
    'https://keys.svc.cluster.local/jwks',
    'https://keys.example.com./jwks',
    'https://keys/jwks',
    'https://user:secret@keys.example.com/jwks',
    'https://keys.example.com:22/jwks',
    'https://keys.example.com/jwks#keys',
    'https://KEYS.example.com/jwks',
    'https://keys.example.com/\t../jwks',
    'nowhere',
    '',
  ])('keys at %j', async (jwks_uri) => {
    const fields = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri };
    expect(await pointedAt(await api('POST', 'clients', { body: bodyOf(fields) }))).toEqual(['/jwks_uri']);
    const at = trusting({ ...gitlab, jwks_uri });
    const pointers = ['/federated_identities/0/jwks_uri'];
    expect(await pointedAt(await api('POST', 'clients', { body: bodyOf(at) }))).toEqual(pointers);
  });

  test('a secret of a client that has none', async () => {
    const client_secret = 'x9Kc2vQ7mZ4tR8wB1nL6pJ3hG5dF0sA';
    const before = await everyRow();
    const body = bodyOf({ ...byKeys(key), client_id: 'from-elsewhere', client_secret });
    expect(await pointedAt(await api('POST', 'clients', { body }))).toEqual(['/client_secret']);
    expect(await everyRow()).toEqual(before);
  });
});

test('a private key that somebody sent is in no answer, no row and no log', async () => {
  const { client_id } = await newClient();
  const { privateJwk } = await newSigner('RS256');
  const sent = byKeys(privateJwk);
  let answers = '';
  const lines = await consoleOf(async () => {
    const headers = { 'Idempotency-Key': crypto.randomUUID() };
    answers += await (await api('POST', 'clients', { body: bodyOf(sent), headers })).text();
    answers += await (await api('PATCH', `clients/${client_id}`, { body: sent })).text();
  });
  expect(answers).toContain('/jwks/keys/0');
  expect(lines.length).toBeGreaterThan(1);
  const seen = answers + JSON.stringify(lines) + JSON.stringify(await everyRow());
  for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
    expect(seen.includes(String(privateJwk[member])), member).toBe(false);
  }
});

describe('a client that authenticates without a secret', () => {
  test('is shown as it was given, in its creation, alone and in a list, and has none', async () => {
    const keys = [
      { ...key, alg: 'ES256', use: 'sig', key_ops: ['verify'] },
      { ...(await publicKey('PS256')), kid: 'rsa', note: 'for nobody' },
      await publicKey('Ed25519'),
      certified,
    ];
    const claims = { repository_id: '74', ref: ['refs/heads/main', 'refs/tags/*'], '/nested/flag': true };
    const fields = {
      ...byKeys(...keys),
      additional_auth_methods: ['self_signed_tls_client_auth', 'tls_client_auth', 'federated_jwt'],
      tls_client_auth_subject_dn: 'CN=worker,O=Example\\, Inc.,C=DE',
      federated_identities: [
        { issuer: GITHUB, audience: 'https://acme.example.com', claims },
        {
          issuer: 'spiffe://example.org',
          subject: 'spiffe://example.org/worker',
          jwks: { keys: [{ ...key, use: 'jwt-svid' }] },
        },
      ],
      dpop_bound_access_tokens: true,
      dpop_nonce_required: true,
      tls_client_certificate_bound_access_tokens: true,
    };
    const created = await newClient(fields);
    const [first, second] = fields.federated_identities;
    // The default audience of a federated identity is this service.
    const federated_identities = [first, { ...second, audience: ISSUER }];
    expect(created).toMatchObject({ ...fields, federated_identities, security_profile: 'standard' });
    expect(created).not.toHaveProperty('client_secret');
    expect(await done('GET', `clients/${created.client_id}`)).toEqual(created);
    const { data } = await done<{ data: Fields[] }>('GET', `clients?organization_id=${organization}&limit=100`);
    expect(data.find(({ client_id }) => client_id === created.client_id)).toEqual(created);
    const secrets = `clients/${created.client_id}/secrets`;
    expect(await done('GET', secrets)).toEqual({ data: [], next_cursor: null });
  });

  test('is given none by a rotation: 409, and nothing is written', async () => {
    const { client_id } = await newClient(byKeys(key));
    const before = await everyRow();
    const { detail } = await problemOf(await api('POST', `clients/${client_id}/secrets/rotate`, { body: {} }), 409);
    expect(detail).toContain('token_endpoint_auth_method');
    expect(await everyRow()).toEqual(before);
  });

  test('may have one as well, and may keep the id that it has from another provider', async () => {
    const both = await newClient({ ...byKeys(key), additional_auth_methods: ['client_secret_basic'] });
    expect(both.client_secret).toMatch(/^ems_/);
    const { client_id } = await newClient({ ...byKeys(key), client_id: 'key-from-elsewhere' });
    expect(client_id).toBe('key-from-elsewhere');
  });

  test('leaves in its audit events what was registered', async () => {
    const { client_id } = await newClient(byKeys(key));
    const body = { jwks: null, jwks_uri: 'https://keys.example.com/jwks', dpop_bound_access_tokens: true };
    await done('PATCH', `clients/${client_id}`, { body });
    const { data } = await done<{ data: Fields[] }>('GET', `audit-events?target=${client_id}`);
    expect(data).toMatchObject([
      { action: 'client.updated' },
      { action: 'client.created', changes: { ...byKeys(key), security_profile: 'standard' } },
    ]);
    expect(data[0]?.changes).toEqual(body);
  });
});
