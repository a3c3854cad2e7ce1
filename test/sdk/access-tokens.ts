import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { VerificationError, type VerifierOptions, verifier } from '../../src/sdk/verify.ts';
import { FakeServer, ISSUER, json, type Received } from './server.ts';

export const AUDIENCE = 'https://orders.example';
export const METADATA = '/.well-known/oauth-authorization-server';

export type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

/** The keys of the issuer, and another one. */
export const [pair, other, rsa] = await Promise.all([
  generateKeyPair('ES256', { extractable: true }),
  generateKeyPair('ES256', { extractable: true }),
  generateKeyPair('RS256', { extractable: true }),
]);

/** Returns a key as an issuer publishes it. */
export async function publish({ publicKey }: Pair, kid: string, alg: string): Promise<JWK> {
  return { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
}

export const keys: readonly JWK[] = await Promise.all([publish(pair, 'k1', 'ES256'), publish(rsa, 'r1', 'RS256')]);

export interface Made {
  readonly claims?: Record<string, unknown> | undefined;
  readonly header?: Record<string, unknown> | undefined;
  readonly key?: Parameters<SignJWT['sign']>[0];
}

export const seconds = () => Math.floor(Date.now() / 1000);

/** Makes an access token as the issuer does, except for what is given. A claim or member that is undefined is left out. */
export function makeToken({ claims = {}, header = {}, key = pair.privateKey }: Made = {}): Promise<string> {
  const all = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'emc_1',
    client_id: 'emc_1',
    org_id: 'org_1',
    scope: 'orders:read orders:write',
    roles: ['clerk'],
    jti: crypto.randomUUID(),
    iat: seconds(),
    exp: seconds() + 300,
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', ...header } as { alg: string })
    .sign(key);
}

/** An issuer with metadata and keys, and the time of the machine. */
export function issuer(answerKeys: (request: Received) => Response | Promise<Response> = () => json({ keys })) {
  return new FakeServer((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === METADATA)
      return json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: `${ISSUER}/introspect` });
    return pathname === '/jwks' ? answerKeys(request) : new Response('no such page', { status: 404 });
  });
}

/** The verifier of an API that uses the issuer. */
export function ordersAt(server: FakeServer, options: Partial<VerifierOptions> = {}) {
  return verifier({ issuer: ISSUER, audience: AUDIENCE, fetch: server.fetch, ...options });
}

/** Returns the error of a token that must be refused. */
export const refusalOf = (verified: Promise<unknown>) =>
  verified.then(
    () => {
      throw new Error('The token was accepted.');
    },
    (error: unknown) => {
      if (!(error instanceof VerificationError)) throw error;
      return error;
    },
  );
