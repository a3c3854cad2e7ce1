import { soleAudience } from '../../federation/identity.ts';
import { credentialRefs } from '../../gates/credential-refs.ts';
import type { ClientAuthentication, KeyProof } from '../../gates/protocol.ts';
import { findTimeFault } from '../../jwt/claims.ts';
import { mediaType } from '../../jwt/compact.ts';
import { isAmong, VERIFICATION_ALGS, type VerificationAlg } from '../../jwt/public-key.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { RemoteKeys } from '../../remote-keys/remote-keys.ts';
import { STRICT_ALGS } from '../../store/client-authentication.ts';
import {
  ASSERTION_LIFETIME_MAX,
  PROOF_JTI_LENGTH_MAX,
  SIGNER_CLOCK_SKEW,
  STRICT_ASSERTION_LIFETIME_MAX,
} from '../constants.ts';
import { type Assertion, TIME_FAILURES } from './assertion.ts';
import { importKeyOnce, isSignedBy, matchesKid } from './signature.ts';

/** The content of an assertion that passed every check that needs no data of the client. */
export interface CheckedAssertion {
  readonly alg: VerificationAlg;
  readonly kid: string | undefined;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly exp: number;
}

/** The accepted types. General JWT libraries write `JWT`. */
const TYPES = ['jwt', 'client-authentication+jwt'];

/**
 * Checks the header and the claims of a `private_key_jwt` assertion
 * ([RFC 7523 section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)), but not its signature: the client is issuer and subject, this
 * issuer is the only audience, and it is valid now. The token endpoint's URL is not accepted as audience, since another server could have
 * named it to the client ([draft-ietf-oauth-rfc7523bis](https://datatracker.ietf.org/doc/draft-ietf-oauth-rfc7523bis/)).
 * @param now milliseconds since the epoch
 * @returns the content that the verification needs, or why it is refused
 */
export function checkAssertion(
  { header, claims }: Assertion,
  clientId: string,
  issuer: string,
  now: number,
): CheckedAssertion | AuthenticationFailure {
  const { alg, kid, typ } = header;
  const { iss, sub, aud, jti, exp } = claims;
  if (typ !== undefined && !TYPES.includes(mediaType(typ))) return 'wrong_type';
  if (!isAmong(VERIFICATION_ALGS, alg)) return 'wrong_algorithm';
  if (iss !== clientId || sub !== clientId) return 'wrong_subject';
  if (soleAudience(aud) !== issuer) return 'wrong_audience';
  const fault = findTimeFault(claims, now, { maxLifetime: ASSERTION_LIFETIME_MAX, skew: SIGNER_CLOCK_SKEW });
  if (fault) return TIME_FAILURES[fault];
  if (typeof jti !== 'string' || jti === '' || jti.length > PROOF_JTI_LENGTH_MAX) return 'malformed_assertion';
  return { alg, kid, jti, exp: exp as number };
}

/**
 * Checks the additional rules of the strict profile
 * ([FAPI 2.0 section 5.3.2.1](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.3.2.1)).
 */
function findStrictFault(
  { claims }: Assertion,
  { alg }: CheckedAssertion,
  now: number,
): AuthenticationFailure | undefined {
  if (!STRICT_ALGS.includes(alg)) return 'wrong_algorithm';
  if (typeof claims.aud !== 'string') return 'wrong_audience';
  const rules = { maxLifetime: STRICT_ASSERTION_LIFETIME_MAX, skew: SIGNER_CLOCK_SKEW, needsIat: true };
  const fault = findTimeFault(claims, now, rules);
  return fault && TIME_FAILURES[fault];
}

/**
 * Verifies a checked assertion against the client's registered keys, or those that its `jwks_uri` publishes.
 * @param now milliseconds since the epoch
 * @returns the proof for the client's gate, which spends the `jti`, or why it is refused
 * @throws RemoteError if the published keys could not be fetched
 */
export async function verifyAssertion(
  assertion: Assertion,
  checked: CheckedAssertion,
  authentication: ClientAuthentication,
  remoteKeys: RemoteKeys,
  now: number,
): Promise<KeyProof | AuthenticationFailure> {
  if (!authentication.methods.includes('private_key_jwt')) return 'method_not_registered';
  const fault = authentication.is_strict ? findStrictFault(assertion, checked, now) : undefined;
  if (fault) return fault;
  const { alg, kid, jti, exp } = checked;
  const spends = { id: `assertion ${jti}`, expires_at: Math.ceil(exp) + SIGNER_CLOCK_SKEW };
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
