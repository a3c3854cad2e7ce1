import { errors, jwtVerify } from 'jose';
import { readUnverified } from '../jwt/compact.ts';
import { ProblemError } from '../management/http/problem.ts';
import { type AccessIdentity, readIdentity } from './access-rules.ts';
import { ACCESS_SKEW } from './constants.ts';
import type { SessionServices } from './services.ts';

/** The header in which Cloudflare Access sends its assertion. Only its signature counts: anybody can send the header. */
export const ASSERTION_HEADER = 'Cf-Access-Jwt-Assertion';

const ALGS = ['RS256', 'ES256'] as const;

export interface VerifiedIdentity extends AccessIdentity {
  /** When the assertion expires, milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Verifies the assertion of Cloudflare Access
 * ([Validate JWTs](https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/validating-json/)).
 * @param now milliseconds since the epoch
 * @throws ProblemError `unauthorized`; RemoteError if the keys of the team cannot be fetched
 */
export async function verifyAssertion(
  { config, remoteKeys }: Pick<SessionServices, 'config' | 'remoteKeys'>,
  request: Request,
  now: number,
): Promise<VerifiedIdentity> {
  const access = config.access();
  if (!access) throw refusal('Cloudflare Access is not set up: ACCESS_TEAM_DOMAIN is not set.');
  const assertion = request.headers.get(ASSERTION_HEADER);
  if (assertion === null) throw refusal('The request did not come through Cloudflare Access.');
  const unverified = readUnverified(assertion);
  const alg = ALGS.find((one) => one === unverified?.header.alg);
  if (!unverified || alg === undefined) throw refusal(NOT_VALID);
  const { kid } = unverified.header;
  // Before any fetch: an assertion of another team or application is not worth it.
  if (unverified.claims.iss !== access.issuer) throw refusal(NOT_VALID);
  const source = { jwks_uri: `${access.issuer}/cdn-cgi/access/certs` };
  const keys = await remoteKeys.find(source, { alg, ...(kid !== undefined && { kid }) }, now);
  for (const key of keys) {
    const claims = await verify(assertion, key, access, now);
    if (!claims) continue;
    const identity = readIdentity(claims);
    if (!identity) throw refusal('The assertion of Cloudflare Access names no mail address and no service token.');
    return { ...identity, expiresAt: Number(claims.exp) * 1000 };
  }
  throw refusal(NOT_VALID);
}

const NOT_VALID = 'The assertion of Cloudflare Access is not valid for this service.';

/** @returns undefined if another key signed it @throws ProblemError if the key signed it and a claim is wrong */
async function verify(
  assertion: string,
  key: CryptoKey,
  { issuer, audiences }: { readonly issuer: string; readonly audiences: readonly string[] },
  now: number,
) {
  try {
    const { payload } = await jwtVerify(assertion, key, {
      algorithms: [...ALGS],
      issuer,
      audience: [...audiences],
      requiredClaims: ['exp', 'iat', 'aud'],
      clockTolerance: ACCESS_SKEW,
      currentDate: new Date(now),
    });
    // The team's own session has another type and must not count for this application.
    if (payload.type !== undefined && payload.type !== 'app') throw refusal(NOT_VALID);
    return payload;
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
    if (error instanceof errors.JWTExpired)
      throw refusal('The assertion of Cloudflare Access has expired. Reload the page.');
    if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud') {
      throw refusal('The assertion of Cloudflare Access is for another application: its `aud` is not in ACCESS_AUD.');
    }
    if (error instanceof errors.JOSEError) throw refusal(NOT_VALID);
    throw error;
  }
}

function refusal(detail: string): ProblemError {
  return new ProblemError('unauthorized', { detail });
}
