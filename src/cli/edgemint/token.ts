import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { Failure } from '../failure.ts';

/** What a JWT says of itself. @throws Failure where it is none */
export function decodeToken(token: string): { header: object; claims: JWTPayload } {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    throw new Failure('That is not a JWT: three parts of base64url with dots between them.');
  }
}

export interface Verdict {
  readonly isValid: boolean;
  /** The verdict for people. */
  readonly sentence: string;
}

/**
 * Verifies an access token as a resource server does that works offline: a revocation does not show.
 * @param issuer whose keys must have signed it
 * @throws Failure where the keys could not be had
 */
export async function verifyToken(token: string, issuer: string, audience: string | undefined): Promise<Verdict> {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  try {
    await jwtVerify(token, keys, { issuer, typ: 'at+jwt', ...(audience === undefined ? {} : { audience }) });
  } catch (error) {
    const isAboutToken = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
    if (!isAboutToken) throw new Failure(`The keys of ${issuer} could not be read.`);
    return { isValid: false, sentence: `Not valid: ${error.message}.` };
  }
  const forWhom = audience === undefined ? ', whoever it is for' : '';
  return {
    isValid: true,
    sentence: `Valid${forWhom}: ${issuer} signed it. Whether it was revoked, introspection tells.`,
  };
}
