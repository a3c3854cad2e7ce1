import type { ClaimCondition, FederatedIdentity } from '../gates/protocol.ts';
import { isJsonObject } from '../lib/json.ts';
import { LISTED_CLAIMS_MAX } from './constants.ts';
import { matchesPattern } from './pattern.ts';

/** Whether an issuer is a SPIFFE trust domain, whose tokens are JWT-SVIDs. */
export function isTrustDomain(issuer: string): boolean {
  return issuer.startsWith('spiffe://');
}

/** What the `use` of an issuer's keys may be: those of a trust domain tell what they are for ([SPIFFE Trust Domain and Bundle](https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md) section 4.2.2). */
export function keyUses(issuer: string): readonly string[] {
  return isTrustDomain(issuer) ? ['jwt-svid'] : ['sig'];
}

/**
 * Whether the claims of a token, which must be verified beside, are those of a workload that a client trusts: its issuer, its one audience,
 * its subject, and whatever else is asked of it.
 *
 * A token that is for others as well is nobody's: whoever else gets it could use it here.
 */
export function matchesIdentity(
  claims: Readonly<Record<string, unknown>>,
  { issuer, audience, subject, claims: conditions = {} }: FederatedIdentity,
): boolean {
  const { iss, sub, aud } = claims;
  if (typeof sub !== 'string' || soleAudience(aud) !== audience) return false;
  // JWT-SVID section 3: its subject names the trust domain, and an issuer is no part of it.
  if (isTrustDomain(issuer) ? !isSpiffeId(sub, issuer) : iss !== issuer) return false;
  if (subject !== undefined && !matchesPattern(subject, sub)) return false;
  return Object.entries(conditions).every(([name, condition]) => fulfils(claimAt(claims, name), condition));
}

// SPIFFE-ID section 2: what else a parser of URIs would make something of is none.
function isSpiffeId(sub: string, trustDomain: string): boolean {
  if (!sub.startsWith(`${trustDomain}/`)) return false;
  const segments = sub.slice(trustDomain.length + 1).split('/');
  return segments.every((segment) => /^[A-Za-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..');
}

/** The one audience of a JWT ([RFC 7519 section 4.1.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)); undefined where it has none or several. */
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

/** Where a claim is: at its name, or, by a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), within others. */
export function claimPath(name: string): readonly string[] {
  if (!name.startsWith('/')) return [name];
  return name
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

// Of a claim that is a list one member is enough. Issuers write numbers and booleans as such or as texts: they are compared as texts.
function fulfils(value: unknown, condition: ClaimCondition): boolean {
  const values: readonly unknown[] = Array.isArray(value) ? value.slice(0, LISTED_CLAIMS_MAX) : [value];
  const texts = values.filter(isScalar).map(String);
  return acceptedValues(condition).some((pattern) => texts.some((text) => matchesPattern(pattern, text)));
}

/** The texts of which a claim must be one. */
export function acceptedValues(condition: ClaimCondition): readonly string[] {
  return typeof condition === 'object' ? condition : [String(condition)];
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'number' ? isExact(value) : typeof value === 'string' || typeof value === 'boolean';
}

/** Whether a number of JSON is the one that was written: of two large ids that differ at the end one may have become the other. */
function isExact(number: number): boolean {
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER;
}
