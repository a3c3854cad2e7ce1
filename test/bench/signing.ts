import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** A machine's key, which signs its assertions and proofs. */
export interface MachineKey {
  readonly publicJwk: JWK;
  /** An assertion for this issuer (RFC 7523). */
  assertion(clientId: string, issuer: string): Promise<string>;
  /** A DPoP proof for a POST to this URL (RFC 9449). */
  proof(url: string): Promise<string>;
}

export async function machineKey(): Promise<MachineKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    publicJwk: { ...jwk, kid },
    assertion: (clientId, issuer) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuer(clientId)
        .setSubject(clientId)
        .setAudience(issuer)
        .setIssuedAt()
        .setExpirationTime('2m')
        .setJti(randomUUID())
        .sign(privateKey),
    proof: (htu) =>
      new SignJWT({ htm: 'POST', htu })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .setJti(randomUUID())
        .sign(privateKey),
  };
}
