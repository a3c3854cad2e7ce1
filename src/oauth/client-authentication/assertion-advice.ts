import { ASSERTION_LIFETIME_DEFAULT } from '../../constants.ts';
import { findTimeFault } from '../../jwt/claims.ts';
import { FEDERATION_ALGS, VERIFICATION_ALGS } from '../../jwt/public-key.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import { FEDERATED_LIFETIME_MAX, PROOF_JTI_LENGTH_MAX, SIGNER_CLOCK_SKEW } from '../constants.ts';
import type { Assertion, AssertionContext } from './assertion.ts';
import { TOKEN_TYPES } from './federated-jwt.ts';
import { ASSERTION_TYPES, type CheckedAssertion } from './private-key-jwt.ts';

// What a developer should change in an assertion. All of it follows from the request alone: it is the same for every client, and for a
// client that does not exist.

type Advice = Readonly<Partial<Record<AuthenticationFailure, string>>>;

/** The faults of an assertion's times that are the same for both kinds. */
const TIMES: Advice = {
  assertion_expired: 'The assertion has expired: `exp` is in the past.',
  assertion_not_yet_valid: 'The assertion is not valid yet: `iat` or `nbf` is in the future.',
};

/** Returns what to change in a client's own assertion that no client may send. */
export function ownAssertionAdvice(
  failure: AuthenticationFailure,
  { issuer, use }: AssertionContext,
): string | undefined {
  const advice: Advice = {
    ...TIMES,
    wrong_type: `\`typ\` must be absent, or one of ${ASSERTION_TYPES[use].join(', ')}.`,
    wrong_algorithm: `\`alg\` must be one of ${VERIFICATION_ALGS.join(', ')}.`,
    wrong_subject: '`iss` and `sub` must both be the client_id.',
    wrong_audience: audienceAdvice(issuer),
    assertion_lives_too_long: `An assertion may live ${ASSERTION_LIFETIME_DEFAULT} s at most.`,
    malformed_assertion: `\`exp\` and \`jti\` are required. \`exp\`, \`iat\` and \`nbf\` are numbers, and \`jti\` has at most ${PROOF_JTI_LENGTH_MAX} characters.`,
  };
  return advice[failure];
}

/** Returns what to change in a token of another issuer that no client may send. */
export function federatedAdvice(failure: AuthenticationFailure): string | undefined {
  const advice: Advice = {
    ...TIMES,
    wrong_type: `\`typ\` must be absent, or one of ${TOKEN_TYPES.join(', ')}.`,
    wrong_algorithm: `\`alg\` must be one of ${FEDERATION_ALGS.join(', ')}.`,
    wrong_subject: 'A token of this service does not authenticate a client.',
    assertion_lives_too_long: `The token of another issuer may live ${FEDERATED_LIFETIME_MAX} s at most.`,
    malformed_assertion: '`exp` and `sub` are required. `exp`, `iat` and `nbf` are numbers.',
  };
  return advice[failure];
}

/** Returns what to check first if an assertion fails that only some clients may send: it names the token endpoint, or lives long. */
export function hintFor(
  { claims }: Assertion,
  { isForTokenEndpoint }: CheckedAssertion,
  { issuer }: AssertionContext,
  now: number,
): string | undefined {
  const usual = { maxLifetime: ASSERTION_LIFETIME_DEFAULT, skew: SIGNER_CLOCK_SKEW };
  const hints = [
    ...(isForTokenEndpoint ? [`${audienceAdvice(issuer)} (Or the client needs another \`assertion_audience\`.)`] : []),
    ...(findTimeFault(claims, now, usual) === 'lives_too_long'
      ? [
          `An assertion may live ${ASSERTION_LIFETIME_DEFAULT} s at most. (Or the client needs another \`assertion_lifetime_max\`.)`,
        ]
      : []),
  ];
  return hints.length === 0 ? undefined : hints.join(' ');
}

function audienceAdvice(issuer: string): string {
  return `\`aud\` must be the issuer, ${issuer}.`;
}
