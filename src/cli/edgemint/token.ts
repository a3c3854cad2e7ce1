import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { ACCESS_TOKEN_TYPS } from '../../jwt/signing-algs.ts';
import { Failure } from '../failure.ts';
import { findIssuer } from './issuer.ts';
import { line } from './printable.ts';
import type { Terminal } from './terminal.ts';

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
 * @param url the server that must have signed the token
 * @throws Failure if the metadata or the keys of the server cannot be fetched
 */
export async function verifyToken(
  token: string,
  url: string,
  audience: string | undefined,
  terminal: Terminal,
): Promise<Verdict> {
  const named = await findIssuer(url, terminal);
  // A server answers for the issuer at its own URL only (RFC 8414 section 3.3).
  const issuer = named === `${url}/` ? named : url;
  const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`));
  try {
    const { protectedHeader } = await jwtVerify(token, keys, {
      issuer,
      ...(audience === undefined ? {} : { audience }),
    });
    const { typ } = protectedHeader;
    if (!ACCESS_TOKEN_TYPS.some((known) => known === typ))
      return {
        isValid: false,
        sentence: `Not valid: \`typ\` is ${line(String(typ))}, not ${ACCESS_TOKEN_TYPS.join(' or ')}.`,
      };
  } catch (error) {
    const isAboutToken = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
    if (!isAboutToken) throw new Failure(`The keys of ${url} could not be fetched.`);
    return { isValid: false, sentence: `Not valid: ${error.message}.` };
  }
  const scope = audience === undefined ? ' for its own audience' : '';
  return {
    isValid: true,
    sentence: `Valid${scope}: ${issuer} signed it. Only introspection shows whether it was revoked.`,
  };
}
