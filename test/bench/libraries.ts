import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { tokenSource } from '../../src/sdk/client.ts';
import { verifier } from '../../src/sdk/verify.ts';

// What the libraries cost a process: `npm run bench:sdk`. Every comparison is of rounds that alternate in one run.

const ISSUER = 'https://auth.example.com';
const AUDIENCE = 'https://orders.example';
const FEED = `${ISSUER}/oauth2/revocations`;

const { values } = parseArgs({
  options: { tokens: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '21' } },
});
const TOKENS = Number(values.tokens);
const ROUNDS = Number(values.rounds);
const PAGE = 3000;

const { privateKey, publicKey } = await generateKeyPair('ES256');
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] };
const seconds = () => Math.floor(Date.now() / 1000);
const sign = (claims: Record<string, unknown>, typ: string) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1', typ }).sign(privateKey);
const hashOf = (id: string) => createHash('sha256').update(id).digest().subarray(0, 16).toString('base64url');

/** Returns a `fetch` that answers as the server does, with a feed of so many revoked tokens. */
function serverWith(entries: number) {
  const hashes = Array.from({ length: entries }, (_, index) => hashOf(`revoked-${index}`));
  return async (input: string | URL | Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(String(input));
    const headers = { Date: new Date().toUTCString() };
    if (pathname === '/.well-known/oauth-authorization-server') {
      const endpoints = {
        token_endpoint: `${ISSUER}/token`,
        jwks_uri: `${ISSUER}/jwks`,
        revocation_feed_endpoint: FEED,
      };
      return Response.json({ issuer: ISSUER, ...endpoints }, { headers });
    }
    if (pathname === '/jwks') return Response.json(jwks, { headers });
    if (pathname === '/token') {
      return Response.json({ access_token: 'a', token_type: 'Bearer', expires_in: 3600 }, { headers });
    }
    const since = Number(searchParams.get('since') ?? 0);
    const version = Math.min(entries, since + PAGE);
    const tokens = hashes.slice(since, version).map((hash) => [hash, seconds() + 3600]);
    const page = { since, version, more: version < entries, as_of: seconds() - 40, tokens, clients: [] };
    const claims = { iss: ISSUER, aud: FEED, audience: AUDIENCE, iat: seconds(), ...page };
    return new Response(await sign(claims, 'revocations+jwt'), { headers });
  };
}

const tokens = await Promise.all(
  Array.from({ length: TOKENS }, (_, index) => {
    const client = { sub: 'emc_1', client_id: 'emc_1', org_id: 'org_1', scope: 'orders:read', roles: [] };
    const times = { iat: seconds(), exp: seconds() + 3600 };
    return sign({ iss: ISSUER, aud: AUDIENCE, jti: `token-${index}`, ...client, ...times }, 'at+jwt');
  }),
);

type Verify = (token: string) => Promise<unknown>;

const keys = createLocalJWKSet(jwks);
const options = {
  issuer: ISSUER,
  audience: AUDIENCE,
  typ: 'at+jwt',
  requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
};
const ours = (entries: number | undefined): Verify => {
  const revocations = entries === undefined ? 'none' : 'feed';
  const orders = verifier({ issuer: ISSUER, audience: AUDIENCE, revocations, fetch: serverWith(entries ?? 0) });
  return (token) => orders.verify(token);
};
const subjects: readonly (readonly [string, Verify])[] = [
  ['jose alone (jwtVerify, local keys)', (token) => jwtVerify(token, keys, options)],
  ['without revocations', ours(undefined)],
  ['feed with no entries', ours(0)],
  ['feed with 1,000 entries', ours(1000)],
  ['feed with 100,000 entries', ours(100_000)],
];

/** Returns microseconds for each token, one after the other as in a request. */
async function timed(verify: Verify): Promise<number> {
  const start = performance.now();
  for (const token of tokens) await verify(token);
  return ((performance.now() - start) * 1000) / tokens.length;
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

for (const [, verify] of subjects) await timed(verify);
const rounds: number[][] = subjects.map(() => []);
for (let round = 0; round < ROUNDS; round++) {
  for (const [index, [, verify]] of subjects.entries()) rounds[index]?.push(await timed(verify));
}
console.log(`Verifying ${TOKENS} tokens (ES256, one after the other), median of ${ROUNDS} alternating rounds:`);
for (const [index, [name]] of subjects.entries()) {
  const own = rounds[index] ?? [];
  const ratios = own.map((value, round) => value / (rounds[0]?.[round] ?? Number.NaN));
  console.log(`  ${name.padEnd(36)} ${median(own).toFixed(1).padStart(7)} µs   ${median(ratios).toFixed(3)} × jose`);
}

const source = tokenSource({ issuer: ISSUER, client: { id: 'a', secret: 'b' }, fetch: serverWith(0) });
await source.token();
const COUNT = 200_000;
const perToken = [];
for (let round = 0; round < ROUNDS; round++) {
  const start = performance.now();
  for (let call = 0; call < COUNT; call++) await source.token();
  perToken.push(((performance.now() - start) * 1000) / COUNT);
}
console.log(`A token from a warm source: ${median(perToken).toFixed(2)} µs (median of ${ROUNDS} rounds of ${COUNT})`);
