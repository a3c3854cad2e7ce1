import type { ClaimCondition, FederatedIdentity } from '../gates/protocol.ts';
import { isJsonObject } from '../lib/json.ts';
import { LISTED_CLAIMS_MAX } from './constants.ts';
import { matchesPattern } from './pattern.ts';

/** Whether an issuer is a SPIFFE trust domain, whose tokens are JWT-SVIDs. */
export function isTrustDomain(issuer: string): boolean {
  return issuer.startsWith('spiffe://');
}

/**
 * Returns the accepted `use` of an issuer's keys. A trust domain has its own
 * ([SPIFFE Trust Domain and Bundle](https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md) section 4.2.2).
 */
export function keyUses(issuer: string): readonly string[] {
  return isTrustDomain(issuer) ? ['jwt-svid'] : ['sig'];
}

/**
 * Whether the claims of a token meet an identity's conditions: its issuer, its sole audience, its subject, and its other claims. The caller
 * must verify the token's signature and times.
 *
 * A token with several audiences is refused: another audience that receives it could use it here.
 */
export function matchesIdentity(
  claims: Readonly<Record<string, unknown>>,
  { issuer, audience, subject, claims: conditions = {} }: FederatedIdentity,
): boolean {
  const { iss, sub, aud } = claims;
  if (typeof sub !== 'string' || soleAudience(aud) !== audience) return false;
  // JWT-SVID section 3: the subject contains the trust domain, and `iss` has no meaning.
  if (isTrustDomain(issuer) ? !isSpiffeId(sub, issuer) : iss !== issuer) return false;
  if (subject !== undefined && !matchesPattern(subject, sub)) return false;
  return Object.entries(conditions).every(([name, condition]) => meetsCondition(claimAt(claims, name), condition));
}

// SPIFFE-ID section 2 permits only these characters. Anything else with a meaning in a URI, such as an escape or a query, is invalid.
function isSpiffeId(sub: string, trustDomain: string): boolean {
  if (!sub.startsWith(`${trustDomain}/`)) return false;
  const segments = sub.slice(trustDomain.length + 1).split('/');
  return segments.every((segment) => /^[A-Za-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..');
}

/**
 * Returns the audience of a JWT, or undefined if it has none or several
 * ([RFC 7519 section 4.1.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)).
 */
export function soleAudience(aud: unknown): string | undefined {
  const sole: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  return typeof sole === 'string' ? sole : undefined;
}

function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  let value: unknown = claims;
  for (const key of claimPath(name)) {
    if (!isJsonObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** Returns the path of a claim: its name, or the keys of a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)). */
export function claimPath(name: string): readonly string[] {
  if (!name.startsWith('/')) return [name];
  return name
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

// If a claim is a list, one matching member is enough. Some issuers write numbers and booleans as strings, so all are compared as strings.
function meetsCondition(value: unknown, condition: ClaimCondition): boolean {
  const values: readonly unknown[] = Array.isArray(value) ? value.slice(0, LISTED_CLAIMS_MAX) : [value];
  const texts = values.filter(isScalar).map(String);
  return acceptedValues(condition).some((pattern) => texts.some((text) => matchesPattern(pattern, text)));
}

/** Returns the values of which a claim must match one. */
export function acceptedValues(condition: ClaimCondition): readonly string[] {
  return typeof condition === 'object' ? condition : [String(condition)];
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'number' ? isExact(value) : typeof value === 'string' || typeof value === 'boolean';
}

/** Whether parsing kept a JSON number exact. Beyond this range, two large ids that differ in the last digit may become equal. */
function isExact(number: number): boolean {
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER;
}
