import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { Failure } from '../failure.ts';

/** Decodes the header and the claims of a JWT without verifying it. @throws Failure if it is not a JWT */
export function decodeToken(token: string): { header: object; claims: JWTPayload } {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    throw new Failure('The token is not a JWT, which has three base64url parts with dots between them.');
  }
}

export interface Verdict {
  readonly isValid: boolean;
  /** The result in words. */
  readonly sentence: string;
}

/**
 * Verifies an access token offline, as a resource server does. It does not notice a revocation.
 * @param issuer the server that must have signed the token
 * @throws Failure if the keys of the issuer cannot be fetched
 */
export async function verifyToken(token: string, issuer: string, audience: string | undefined): Promise<Verdict> {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  try {
    await jwtVerify(token, keys, { issuer, typ: 'at+jwt', ...(audience === undefined ? {} : { audience }) });
  } catch (error) {
    const isAboutToken = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
    if (!isAboutToken) throw new Failure(`The keys of ${issuer} could not be fetched.`);
    return { isValid: false, sentence: `Not valid: ${error.message}.` };
  }
  const scope = audience === undefined ? ' for its own audience' : '';
  return {
    isValid: true,
    sentence: `Valid${scope}: ${issuer} signed it. Only introspection shows whether it was revoked.`,
  };
}
