import type { FederatedIdentity } from '../gates/protocol.ts';
import type { WorkloadKey } from '../store/workloads.ts';
import { SELECTOR_LENGTH_MAX, SUBJECT_PREFIXES_MAX } from './constants.ts';
import { acceptedValues, isTrustDomain } from './identity.ts';
import { accountClaims } from './identity-faults.ts';
import { isPattern, literalPrefix } from './pattern.ts';

// The index of workloads finds the clients that a token may belong to. An identity is indexed by its issuer and one condition, its
// selector: an exact one, or else the beginning of its subject's pattern. So a token finds few clients even if thousands trust the same
// issuer. `matchesIdentity` then decides which of them the token belongs to. Selectors are stored: a change here must keep finding those
// that older versions wrote.

/** Claims that are lists, so that one token would have many selectors. */
const LISTS = ['google_service_accounts'];

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant.
const CONTROL = /[\x00-\x1f]/;
/** The trust domain at the beginning of a SPIFFE ID. */
const TRUST_DOMAIN = /^spiffe:\/\/[a-z0-9._-]+(?=\/|$)/;

/** The name of the selector for the beginning of a subject. */
const PREFIX = 'sub^';

/** Returns the claims that can be the selector at an issuer, the most precise ones first. */
function selectorClaims(issuer: string): readonly string[] {
  return ['sub', ...accountClaims(issuer).filter((name) => !LISTS.includes(name))];
}

/** Returns where the index has an identity. */
export function workloadKey({ issuer, subject, claims = {} }: FederatedIdentity): WorkloadKey {
  for (const name of selectorClaims(issuer)) {
    const condition = name === 'sub' ? subject : claims[name];
    const [value, ...others] = condition === undefined ? [] : acceptedValues(condition);
    if (value !== undefined && others.length === 0 && !isPattern(value))
      return { issuer, selector: selector(name, value) };
  }
  const prefix = subject === undefined ? undefined : prefixesOf(literalPrefix(subject)).at(-1);
  return { issuer, selector: prefix === undefined ? '' : selector(PREFIX, prefix) };
}

/**
 * Returns the beginnings of a subject that end with a separator, the shortest first. Those of a pattern's literal prefix are among those of
 * each subject that matches the pattern.
 */
function prefixesOf(subject: string): string[] {
  const ends = [...subject.slice(0, SELECTOR_LENGTH_MAX).matchAll(/[/:|]/g)].slice(0, SUBJECT_PREFIXES_MAX);
  return ends.map(({ index }) => subject.slice(0, index + 1));
}

/**
 * Returns where the index may have the identities that match a token.
 * @param claims the claims of a token that is not verified
 * @returns none if no identity can match, such as without an issuer or a subject
 */
export function workloadKeys(claims: Readonly<Record<string, unknown>>): WorkloadKey[] {
  const { iss, sub } = claims;
  // No workload has control characters in its name, and their escapes would fill a look-up that others share.
  if (typeof sub !== 'string' || CONTROL.test(sub) || CONTROL.test(String(iss))) return [];
  const trustDomain = TRUST_DOMAIN.exec(sub)?.[0];
  const issuers = [
    ...(typeof iss === 'string' && !isTrustDomain(iss) ? [iss] : []),
    ...(trustDomain === undefined ? [] : [trustDomain]),
  ];
  return issuers
    .filter((issuer) => issuer !== '' && issuer.length <= SELECTOR_LENGTH_MAX)
    .flatMap((issuer) => [
      { issuer, selector: '' },
      ...prefixesOf(sub).map((prefix) => ({ issuer, selector: selector(PREFIX, prefix) })),
      ...selectorClaims(issuer).flatMap((name) => {
        const value = claims[name];
        const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
        return isScalar && String(value).length <= SELECTOR_LENGTH_MAX
          ? [{ issuer, selector: selector(name, String(value)) }]
          : [];
      }),
    ]);
}

function selector(name: string, value: string): string {
  return `${name}=${value}`;
}
