import { ASSERTION_LIFETIME_DEFAULT, ASSERTION_LIFETIME_LIMIT } from '../../constants.ts';
import { credentialRefs } from '../../gates/credential-refs.ts';
import type { ClientAuthentication, KeyProof } from '../../gates/protocol.ts';
import { findTimeFault } from '../../jwt/claims.ts';
import { mediaType } from '../../jwt/compact.ts';
import { isAmong, VERIFICATION_ALGS, type VerificationAlg } from '../../jwt/public-key.ts';
import { sha256 } from '../../lib/sha256.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { KeyFinder } from '../../remote-keys/remote-keys.ts';
import { STRICT_ALGS } from '../../store/client-authentication.ts';
import { PROOF_JTI_LENGTH_MAX, SIGNER_CLOCK_SKEW, STRICT_ASSERTION_LIFETIME_MAX } from '../constants.ts';
import { type Assertion, type AssertionContext, TIME_FAILURES } from './assertion.ts';
import { addresseeOf } from './audience.ts';
import { importKeyOnce, isSignedBy, matchesKid } from './signature.ts';

/** The content of an assertion that passed every check that needs no data of the client. */
export interface CheckedAssertion {
  readonly alg: VerificationAlg;
  readonly kid: string | undefined;
  /** Absent only in an authorization grant. */
  readonly jti: string | undefined;
  /** Seconds since the epoch. */
  readonly exp: number;
  readonly iat: number | undefined;
  /** Whether it names the token endpoint as its audience, which only some clients may. */
  readonly isForTokenEndpoint: boolean;
  /** Whether `aud` is exactly the issuer, and no list, as the strict profile requires. */
  readonly hasExactAudience: boolean;
}

/**
 * The accepted types by use ([draft-ietf-oauth-rfc7523bis](https://datatracker.ietf.org/doc/draft-ietf-oauth-rfc7523bis/)). General JWT
 * libraries write `JWT`.
 */
export const ASSERTION_TYPES = {
  client: ['jwt', 'client-authentication+jwt'],
  grant: ['jwt', 'authorization-grant+jwt'],
} as const;

/**
 * Checks the header and the claims of an assertion that a client signed itself
 * ([RFC 7523 section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)), as far as that needs no data of the client, and not its
 * signature: the client is issuer and subject, this service is the only audience, and it is valid now. `verifyAssertion` checks the
 * client's own rules for the audience and the lifetime.
 * @param now milliseconds since the epoch
 * @returns the content that the verification needs, or why it is refused
 */
export function checkAssertion(
  { header, claims }: Assertion,
  clientId: string,
  context: AssertionContext,
  now: number,
): CheckedAssertion | AuthenticationFailure {
  const { alg, kid, typ } = header;
  const { iss, sub, aud, jti, exp, iat } = claims;
  if (typ !== undefined && !isAmong(ASSERTION_TYPES[context.use], mediaType(typ))) return 'wrong_type';
  if (!isAmong(VERIFICATION_ALGS, alg)) return 'wrong_algorithm';
  if (iss !== clientId || sub !== clientId) return 'wrong_subject';
  const addressee = addresseeOf(aud, context);
  if (!addressee) return 'wrong_audience';
  const fault = findTimeFault(claims, now, { maxLifetime: ASSERTION_LIFETIME_LIMIT, skew: SIGNER_CLOCK_SKEW });
  if (fault) return TIME_FAILURES[fault];
  // RFC 7523 makes the `jti` optional. Libraries put one into client assertions, but not into authorization grants.
  if (!isJti(jti) && !(jti === undefined && context.use === 'grant')) return 'malformed_assertion';
  return {
    alg,
    kid,
    jti,
    exp: exp as number,
    iat: iat as number | undefined,
    isForTokenEndpoint: addressee === 'token_endpoint',
    hasExactAudience: aud === context.issuer,
  };
}

function isJti(jti: unknown): jti is string {
  return typeof jti === 'string' && jti !== '' && jti.length <= PROOF_JTI_LENGTH_MAX;
}

/** Checks the client's own rules for its assertions. */
function findFault(
  { claims }: Assertion,
  { isForTokenEndpoint }: CheckedAssertion,
  { assertion_audience, assertion_lifetime_max = ASSERTION_LIFETIME_DEFAULT }: ClientAuthentication,
  now: number,
): AuthenticationFailure | undefined {
  if (isForTokenEndpoint && assertion_audience !== 'issuer_or_token_endpoint') return 'wrong_audience';
  const fault = findTimeFault(claims, now, { maxLifetime: assertion_lifetime_max, skew: SIGNER_CLOCK_SKEW });
  return fault && TIME_FAILURES[fault];
}

/**
 * Checks the additional rules of the strict profile
 * ([FAPI 2.0 section 5.3.2.1](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.3.2.1)).
 */
function findStrictFault(
  { claims }: Assertion,
  { alg, hasExactAudience }: CheckedAssertion,
  now: number,
): AuthenticationFailure | undefined {
  if (!STRICT_ALGS.includes(alg)) return 'wrong_algorithm';
  if (!hasExactAudience) return 'wrong_audience';
  const rules = { maxLifetime: STRICT_ASSERTION_LIFETIME_MAX, skew: SIGNER_CLOCK_SKEW, needsIat: true };
  const fault = findTimeFault(claims, now, rules);
  return fault && TIME_FAILURES[fault];
}

/**
 * Verifies a checked assertion by the client's rules, and against its registered keys, or those that its `jwks_uri` publishes.
 * @param now milliseconds since the epoch
 * @returns the proof for the client's gate, which spends the assertion, or why it is refused
 * @throws RemoteError if the published keys could not be fetched
 */
export async function verifyAssertion(
  assertion: Assertion,
  checked: CheckedAssertion,
  authentication: ClientAuthentication,
  remoteKeys: KeyFinder,
  now: number,
): Promise<KeyProof | AuthenticationFailure> {
  if (!authentication.methods.includes('private_key_jwt')) return 'method_not_registered';
  const fault =
    findFault(assertion, checked, authentication, now) ??
    (authentication.is_strict ? findStrictFault(assertion, checked, now) : undefined);
  if (fault) return fault;
  const { alg, kid, exp, iat = 0 } = checked;
  const expires_at = Math.ceil(exp) + SIGNER_CLOCK_SKEW;
  const spends = { id: await spentId(assertion, checked), expires_at, issued_at: iat };
  for (const registered of authentication.keys) {
    const key = matchesKid(registered.jwk, kid) ? await importKeyOnce(registered.jwk, alg) : undefined;
    if (key && (await isSignedBy(assertion.token, alg, [key])))
      return { kind: 'key', anchor: credentialRefs.key(authentication, registered), spends };
  }
  const { jwks_uri } = authentication;
  if (jwks_uri === null) return 'no_such_key';
  const keys = await remoteKeys.find({ jwks_uri }, { alg, ...(kid !== undefined && { kid }) }, now);
  if (!(await isSignedBy(assertion.token, alg, keys))) return 'no_such_key';
  return { kind: 'key', anchor: credentialRefs.remoteKey(authentication, jwks_uri), spends };
}

// Without a `jti` an assertion is identified by what was signed. The signature does not count: others can often change one into another.
async function spentId({ token }: Assertion, { jti }: CheckedAssertion): Promise<string> {
  if (jti !== undefined) return `assertion ${jti}`;
  return `assertion-digest ${await sha256(token.reveal().slice(0, token.reveal().lastIndexOf('.')))}`;
}
