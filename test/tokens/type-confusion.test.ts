import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { api, basic, type Credentials, done, ISSUER, postForm, send } from '../http.ts';
import { startNewIsolate } from '../instruments.ts';
import { askWith, JWT_SPIFFE, keyWorld, seconds, TOKEN_URL } from '../machines.ts';
import type { Signer } from '../remote-keys/signers.ts';
import { forge, type StolenKey, stealKey } from './forge.ts';
import { isActive } from './verdict.ts';

// J6, RFC 8725 sections 3.11 and 3.12: every type of JWT at every place that accepts one. Nothing else may tell them apart: every party
// uses the service's own key, every header contains it, and every JWT has all claims that any of the places reads.

const GITHUB = 'https://token.actions.githubusercontent.com';
const TRUST_DOMAIN = 'spiffe://example.org';
const ANOTHER_EDGEMINT = 'https://auth.example.net';

let machine: Credentials;
let key: StolenKey;
let publicJwk: Signer['publicJwk'];

beforeAll(async () => {
  // The first request for the keys creates them.
  await send('/.well-known/jwks.json');
  key = await stealKey('ES256');
  const { d: _, alg: __, ...bare } = key.privateJwk;
  publicJwk = { ...bare, kid: key.kid };
  const jwks = { keys: [publicJwk] };
  const { worker } = await keyWorld('confused', {
    jwks,
    additional_auth_methods: ['client_secret_basic'],
    rate_limit: { per_minute: 100_000, burst: 10_000 },
  });
  machine = worker;
  // Tokens for no resource server are inactive, and the API would refuse this one, so that no token has the audience of an assertion.
  await env.DB.prepare(
    `INSERT INTO resource_servers (id, identifier, comparable, name, signing_alg, introspection, version, created_at, updated_at)
     VALUES ('rs_issuer', ?1, ?1, 'issuer', 'ES256', 'strong', 1, 1, 1)`,
  )
    .bind(ISSUER)
    .run();
  await done('PATCH', `clients/${machine.client_id}`, {
    body: {
      additional_auth_methods: ['client_secret_basic', 'federated_jwt'],
      federated_identities: [
        { issuer: GITHUB, claims: { repository_id: '74' }, jwks },
        { issuer: ANOTHER_EDGEMINT, subject: machine.client_id, jwks },
        {
          issuer: TRUST_DOMAIN,
          subject: `${TRUST_DOMAIN}/machine`,
          jwks: { keys: [{ ...publicJwk, use: 'jwt-svid' }] },
        },
      ],
    },
  });
});

/** The `iss` and `sub` of a JWT, by the party that claims to have made it. */
const SPEAKERS = {
  'this service': () => ({ iss: ISSUER, sub: machine.client_id }),
  'this service of a workload': () => ({ iss: ISSUER, sub: `${TRUST_DOMAIN}/machine` }),
  'the client of itself': () => ({ iss: machine.client_id, sub: machine.client_id }),
  'a CI platform': () => ({ iss: GITHUB, sub: 'repo:octo-org/octo-repo:ref:refs/heads/main' }),
  'another Edgemint': () => ({ iss: ANOTHER_EDGEMINT, sub: machine.client_id }),
  'a SPIFFE trust domain': () => ({ sub: `${TRUST_DOMAIN}/machine` }),
};
type Speaker = keyof typeof SPEAKERS;

const TYPES = [
  undefined,
  'JWT',
  'JOSE',
  'at+jwt',
  'application/at+jwt',
  'client-authentication+jwt',
  'authorization-grant+jwt',
  'dpop+jwt',
  'token-introspection+jwt',
  'statuslist+jwt',
  'revocations+jwt',
  'secevent+jwt',
  'logout+jwt',
  'nonsense',
] as const;
type Type = (typeof TYPES)[number];

function speak(speaker: Speaker, typ: Type, jti: string): Promise<string> {
  const now = seconds();
  const header = { alg: 'ES256', kid: key.kid, jwk: publicJwk, ...(typ !== undefined && { typ }) };
  const claims = {
    ...SPEAKERS[speaker](),
    aud: ISSUER,
    iat: now,
    nbf: now,
    exp: now + 60,
    jti,
    client_id: machine.client_id,
    org_id: 'org',
    scope: 'read',
    roles: [],
    repository_id: '74',
    htm: 'POST',
    htu: TOKEN_URL,
  };
  return forge(header, claims, key);
}

let requests = 0;
/** A new address for each request, so that earlier failures are never the reason for a refusal. */
function connection() {
  requests++;
  return { address: `203.0.${requests >> 8}.${requests & 255}` };
}

const bySecret = () => ({ Authorization: basic(machine.client_id, machine.client_secret) });
const GRANT = { grant_type: 'client_credentials' };

/** Whether the place accepts a JWT. `token` is a valid access token with the same `jti`. */
type Place = (jwt: string, token: string) => Promise<boolean>;

/** Whether the JWT authenticates the client of a request. */
function authenticates(path: string, form: () => Record<string, string>): Place {
  return async (jwt, token) => (await askWith(jwt, { token, ...form() }, { ...connection(), path })).ok;
}

/** Whether the JWT is accepted as the authorization grant of a token request. */
function grants(form: () => Record<string, string>): Place {
  return async (assertion) => {
    const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
    return (await postForm('/oauth2/token', { ...grant, ...form() }, connection())).ok;
  };
}

const named = () => ({ client_id: machine.client_id });
const asSvid = () => ({ ...named(), client_assertion_type: JWT_SPIFFE });

const PLACES = {
  'assertion at the token endpoint': authenticates('/oauth2/token', () => ({})),
  'assertion at the introspection endpoint': authenticates('/oauth2/introspect', () => ({})),
  'assertion at the revocation endpoint': authenticates('/oauth2/revoke', () => ({})),
  'assertion with the client_id at the token endpoint': authenticates('/oauth2/token', named),
  'assertion with the client_id at the introspection endpoint': authenticates('/oauth2/introspect', named),
  'assertion with the client_id at the revocation endpoint': authenticates('/oauth2/revoke', named),
  'SVID assertion at the token endpoint': authenticates('/oauth2/token', asSvid),
  'SVID assertion at the introspection endpoint': authenticates('/oauth2/introspect', asSvid),
  'SVID assertion at the revocation endpoint': authenticates('/oauth2/revoke', asSvid),
  'authorization grant at the token endpoint': grants(() => ({})),
  'authorization grant with the client_id at the token endpoint': grants(named),
  'SVID assertion without the client_id at the token endpoint': authenticates('/oauth2/token', () => ({
    client_assertion_type: JWT_SPIFFE,
  })),
  'DPoP header': async (jwt) =>
    (await postForm('/oauth2/token', GRANT, { headers: { ...bySecret(), DPoP: jwt }, ...connection() })).ok,
  'assertion and DPoP header at once': async (jwt) => (await askWith(jwt, named(), { dpop: jwt, ...connection() })).ok,
  'token that is introspected': (jwt) => isActive('root', jwt),
  'token that is revoked': async (jwt, token) => {
    const response = await postForm('/oauth2/revoke', { token: jwt }, { headers: bySecret(), ...connection() });
    expect(response.status).toBe(200);
    return !(await isActive('root', token));
  },
  'token that an administrator revokes': async (jwt, token) => {
    const { ok } = await api('POST', 'tokens/revoke', { body: { token: jwt } });
    expect(await isActive('root', token)).toBe(!ok);
    return ok;
  },
  'bearer of an introspection': async (jwt, token) => {
    const headers = { Authorization: `Bearer ${jwt}` };
    return (await postForm('/oauth2/introspect', { token }, { headers, ...connection() })).ok;
  },
  'bearer of a management request': async (jwt) => (await api('GET', 'clients', { key: jwt, ...connection() })).ok,
} satisfies Record<string, Place>;

type PlaceName = keyof typeof PLACES;

const isPlace = (name: string): name is PlaceName => name in PLACES;
const beginningWith = (text: string) =>
  Object.keys(PLACES)
    .filter(isPlace)
    .filter((name) => name.startsWith(text) && name.includes(' at the '));

const TOKEN: readonly PlaceName[] = [
  'token that is introspected',
  'token that is revoked',
  'token that an administrator revokes',
];
const ASSERTION = beginningWith('assertion');
const AUTHORIZATION_GRANT = beginningWith('authorization grant');
const EITHER = [...ASSERTION, ...AUTHORIZATION_GRANT];
const SVID = [...EITHER, ...beginningWith('SVID assertion')];
const PROOF: readonly PlaceName[] = ['DPoP header'];

/** Everything that is accepted: by party, type and place. */
const TAKEN: Readonly<Record<Speaker, Partial<Record<`${Type}`, readonly PlaceName[]>>>> = {
  'this service': ofThisService(),
  'this service of a workload': ofThisService(),
  'the client of itself': {
    undefined: EITHER,
    JWT: EITHER,
    'client-authentication+jwt': ASSERTION,
    'authorization-grant+jwt': AUTHORIZATION_GRANT,
    'dpop+jwt': PROOF,
  },
  'a CI platform': ofAnother(EITHER),
  'another Edgemint': ofAnother(EITHER),
  'a SPIFFE trust domain': ofAnother(SVID),
};

// A resource server may choose the type `JWT`, which many kinds of JWT have. Then the issuer tells its tokens apart.
function ofThisService() {
  return { JWT: TOKEN, 'at+jwt': TOKEN, 'application/at+jwt': TOKEN, 'dpop+jwt': PROOF };
}

function ofAnother(places: readonly PlaceName[]) {
  const types = { undefined: places, JWT: places, JOSE: places, 'at+jwt': places, 'application/at+jwt': places };
  return { ...types, 'dpop+jwt': PROOF };
}

const speakers = Object.keys(SPEAKERS) as Speaker[];

describe.each(speakers)('J6: a JWT of %s', (speaker) => {
  test.each(TYPES)('of the type %s is taken where such are, and nowhere else', async (typ) => {
    // A new isolate has no memory of earlier failures.
    startNewIsolate();
    const taken: string[] = [];
    for (const [name, isTakenAt] of Object.entries(PLACES)) {
      const jti = crypto.randomUUID();
      if (await isTakenAt(await speak(speaker, typ, jti), await speak('this service', 'at+jwt', jti))) taken.push(name);
    }
    const expected: readonly string[] = TAKEN[speaker][`${typ}`] ?? [];
    expect(taken.sort()).toEqual([...expected].sort());
  });
});

test('J6: each of the kinds that there are is taken somewhere, and each place takes something', () => {
  const used = new Set(speakers.flatMap((speaker) => Object.values(TAKEN[speaker]).flat()));
  const never = Object.keys(PLACES).filter((name) => isPlace(name) && !used.has(name));
  expect(never).toEqual([
    'assertion and DPoP header at once',
    'bearer of an introspection',
    'bearer of a management request',
  ]);
});
