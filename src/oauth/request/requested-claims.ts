import type { RequestedClaim } from '../../gates/protocol.ts';
import { isJsonObject } from '../../lib/json.ts';
import { kib } from '../../lib/size.ts';
import { isRegisteredClaim } from '../../tokens/reserved-claims.ts';
import { REQUESTED_CLAIM_LENGTH_MAX, REQUESTED_CLAIMS_LIMIT_BYTES, REQUESTED_CLAIMS_MAX } from '../constants.ts';
import { OAuthError } from '../response/oauth-error.ts';

const SCALARS_ONLY = `a value must be a boolean, a string of at most ${REQUESTED_CLAIM_LENGTH_MAX} characters, or a number without loss.`;

/**
 * Parses a `claims` parameter: a JSON object of small scalar values. The client's gate decides whether the client may request
 * them, reserved ones included.
 * @returns undefined if there is no such parameter
 * @throws OAuthError `invalid_request` if it is anything else, or names a registered claim
 */
export function parseRequestedClaims(text: string | undefined): Readonly<Record<string, RequestedClaim>> | undefined {
  if (text === undefined) return undefined;
  if (new TextEncoder().encode(text).byteLength > REQUESTED_CLAIMS_LIMIT_BYTES) {
    throw invalidClaims(`at most ${kib(REQUESTED_CLAIMS_LIMIT_BYTES)} of JSON.`);
  }
  const claims = parseObject(text);
  const entries = Object.entries(claims);
  if (entries.length > REQUESTED_CLAIMS_MAX) throw invalidClaims(`at most ${REQUESTED_CLAIMS_MAX} names.`);
  for (const [name, value] of entries) {
    if (name === '__proto__' || !name.isWellFormed()) throw invalidClaims('a name is not allowed.');
    if (isRegisteredClaim(name)) throw invalidClaims('a registered claim cannot be requested.');
    if (!isSmallScalar(value)) {
      throw invalidClaims(SCALARS_ONLY);
    }
  }
  return claims as Readonly<Record<string, RequestedClaim>>;
}

function parseObject(text: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalidClaims('must be JSON.');
  }
  if (!isJsonObject(parsed)) throw invalidClaims('must be a JSON object.');
  return parsed;
}

function isSmallScalar(value: unknown): value is RequestedClaim {
  switch (typeof value) {
    case 'boolean':
      return true;
    case 'string':
      return value.length <= REQUESTED_CLAIM_LENGTH_MAX && value.isWellFormed();
    case 'number':
      // An integer beyond 2^53 was rounded here, so it is no longer the client's (RFC 8259 section 6).
      return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    default:
      return false;
  }
}

function invalidClaims(rule: string): OAuthError {
  return new OAuthError('invalid_request', { description: `claims: ${rule}` });
}
