// Plays a platform that gives its jobs signed tokens, such as GitHub or a cluster: the real ones cannot be reached from a laptop.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface Platform {
  /** Its public keys, to be trusted in place of the real ones. */
  readonly jwks: { readonly keys: readonly object[] };
  /** Returns a token for a job. */
  token(claims: Readonly<Record<string, unknown>>, audience: string): Promise<string>;
}

export async function playPlatform(issuer: string): Promise<Platform> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const kid = 'played';
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  return {
    jwks: { keys: [jwk] },
    token: (claims, audience) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('5 minutes')
        .setJti(crypto.randomUUID())
        .sign(privateKey),
  };
}
