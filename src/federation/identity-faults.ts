import type { ClaimCondition, FederatedIdentity } from '../gates/protocol.ts';
import { comparableForm } from '../lib/identifier.ts';
import { addressFault } from '../outbound/address.ts';
import { DISTINGUISHING_CHARACTERS_MIN, TRUST_DOMAIN_LENGTH_MAX } from './constants.ts';
import { acceptedValues, claimPath, isTrustDomain } from './identity.ts';
import { isPattern, literalPrefix } from './pattern.ts';

/** A fault in a federated identity that an administrator wants to register. */
export interface IdentityFault {
  /** The path of the faulty field. */
  readonly path: readonly string[];
  /** How to correct it, as the end of a sentence ("must ..."). */
  readonly detail: string;
}

/** The ways to identify an account at an issuer that gives tokens to anyone: by a claim, or by the beginning of the subject. */
interface SharedIssuer {
  readonly claims: readonly string[];
  /** Matches a subject pattern that names the account literally, without a wildcard in its place. */
  readonly subject: RegExp;
}

// Anyone can get an account, and so tokens, at these issuers. A condition that names no account would admit strangers. Other forms of a
// subject do not count, because an account's owner can customize them.
const SHARED_ISSUERS: Readonly<Record<string, SharedIssuer>> = {
  'https://token.actions.githubusercontent.com': {
    claims: ['repository_id', 'repository_owner_id', 'enterprise_id', 'repository', 'repository_owner', 'enterprise'],
    subject:
      /^((repo|repository):[^/:*]+\/|(repository_id|repository_owner|repository_owner_id|enterprise|enterprise_id):[^:*]+(:|$))/,
  },
  'https://gitlab.com': {
    claims: ['project_id', 'namespace_id', 'project_path', 'namespace_path'],
    subject: /^project_path:[^/:*]+\//,
  },
  'https://accounts.google.com': { claims: ['email'], subject: /^\d+$/ },
  'https://agent.buildkite.com': {
    claims: ['organization_id', 'pipeline_id', 'organization_slug'],
    subject: /^organization:[^:*]+:/,
  },
  'https://app.terraform.io': {
    claims: ['terraform_organization_id', 'terraform_project_id', 'terraform_workspace_id'],
    subject: /^organization:[^:*]+:/,
  },
  'https://oidc.codefresh.io': { claims: ['account_id', 'pipeline_id'], subject: /^account:[^:*]+:/ },
  'https://confidentialcomputing.googleapis.com': {
    claims: ['google_service_accounts'],
    subject: /^https:\/\/www\.googleapis\.com\/compute\/v1\/projects\/[^/*]+\//,
  },
  'https://oauth2.sigstore.dev/auth': { claims: ['email'], subject: /^[^@*]+@[^@*]+$/ },
  'https://oidc.vercel.com': { claims: ['owner_id', 'project_id'], subject: /^owner:[^:*]+:/ },
};

/** Returns the claims that name an account at an issuer that gives tokens to anyone; none for another issuer. */
export function accountClaims(issuer: string): readonly string[] {
  return SHARED_ISSUERS[issuer]?.claims ?? [];
}

const TRUST_DOMAIN = new RegExp(`^spiffe://[a-z0-9._-]{1,${TRUST_DOMAIN_LENGTH_MAX}}$`);
/** The literal prefix of a pattern that excludes other parties has this somewhere. */
const DISTINGUISHING = new RegExp(`[\\p{L}\\p{N}]{${DISTINGUISHING_CHARACTERS_MIN}}`, 'u');
/**
 * Prefixes that all subjects of a platform share: of Kubernetes, AWS, and Istio within a trust domain; a scheme and its host; a word and a
 * colon.
 */
const SHARED_PREFIX =
  /^(?:system:serviceaccount:|arn:[\w-]*(?::\w*(?:::?)?)?|ns\/|[a-z][\w+.-]*:\/\/[^/]*\/?|[\w-]+[:|])/i;
/** Shared prefixes in full. A pattern whose literal part ends within one of them excludes nobody. */
const SHARED_PREFIXES = ['system:serviceaccount:', 'project_path:', 'organization:', 'account:'];
const MATCHES_EVERYTHING = 'must not match every value';
/** Claims that have a field of their own, or that identify a token rather than its workload. */
const NOT_CONDITIONS = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'];

/**
 * Returns the faults of a federated identity: an invalid issuer, keys that cannot be fetched, a condition that every token of the issuer
 * meets, or, at an issuer that gives tokens to anyone, no condition on the account.
 * @param ownIssuer this service's issuer, whose tokens must not authenticate clients
 */
export function identityFaults(identity: FederatedIdentity, ownIssuer: string): IdentityFault[] {
  return [...issuerFaults(identity, ownIssuer), ...conditionFaults(identity)];
}

function issuerFaults({ issuer, jwks_uri, jwks }: FederatedIdentity, ownIssuer: string): IdentityFault[] {
  if (comparableForm(issuer) === comparableForm(ownIssuer)) return fault(['issuer'], 'must not be this service');
  if (jwks_uri !== undefined && jwks !== undefined) return fault(['jwks_uri'], 'must be absent if `jwks` is present');
  const jwksFault = jwks_uri === undefined ? undefined : addressFault(jwks_uri);
  if (jwksFault !== undefined) return fault(['jwks_uri'], jwksFault);
  const hasKeys = jwks_uri !== undefined || jwks !== undefined;
  if (isTrustDomain(issuer)) {
    if (!TRUST_DOMAIN.test(issuer)) return fault(['issuer'], 'must be a trust domain, such as `spiffe://example.org`');
    return hasKeys
      ? []
      : fault(['jwks_uri'], 'must be the bundle endpoint of the trust domain, unless `jwks` is given');
  }
  // If the identity brings its keys, the issuer is only compared, never fetched: it may be a cluster that is unreachable from outside.
  const issuerFault = nameFault(issuer) ?? (hasKeys ? undefined : addressFault(issuer));
  return issuerFault === undefined ? [] : fault(['issuer'], issuerFault);
}

function nameFault(issuer: string): string | undefined {
  const url = URL.parse(issuer);
  const isName = url?.protocol === 'https:' && !issuer.includes('?') && !issuer.includes('#');
  return isName ? undefined : 'must be an https URL without query and fragment, or a `spiffe://` trust domain';
}

function conditionFaults(identity: FederatedIdentity): IdentityFault[] {
  const { issuer, subject, claims = {} } = identity;
  const faults = [
    ...(subject !== undefined && matchesEverything(subject) ? fault(['subject'], MATCHES_EVERYTHING) : []),
    ...Object.entries(claims).flatMap(([name, condition]) => {
      const detail = claimFault(name, condition);
      return detail === undefined ? [] : fault(['claims', name], detail);
    }),
  ];
  if (faults.length > 0) return faults;
  if (isTrustDomain(issuer)) {
    const prefix = `${issuer}/`;
    return subject?.startsWith(prefix) && excludesOthers(subject.slice(prefix.length))
      ? []
      : fault(['subject'], `must begin with \`${prefix}\` and name a workload`);
  }
  const isSpecific = Object.values(claims).some((condition) => acceptedValues(condition).every(excludesOthers));
  if (!isSpecific && !(subject !== undefined && excludesOthers(subject)))
    return fault(['subject'], 'must identify the workload, unless `claims` does');
  const shared = SHARED_ISSUERS[issuer];
  return shared && !namesAccount(identity, shared)
    ? fault(
        ['claims'],
        `must have one of ${shared.claims.map((name) => `\`${name}\``).join(', ')}, without \`*\`: anyone can get tokens of this issuer`,
      )
    : [];
}

function claimFault(name: string, condition: ClaimCondition): string | undefined {
  const [first, ...nested] = claimPath(name);
  if (first !== undefined && nested.length === 0 && NOT_CONDITIONS.includes(first))
    return 'must be another claim: conditions on `iss`, `aud` and `sub` are the fields `issuer`, `audience` and `subject`';
  return acceptedValues(condition).some(matchesEverything) ? MATCHES_EVERYTHING : undefined;
}

function namesAccount({ subject, claims = {} }: FederatedIdentity, shared: SharedIssuer): boolean {
  if (subject !== undefined && shared.subject.test(subject)) return true;
  return Object.entries(claims).some(([name, condition]) => {
    const [first = '', ...nested] = claimPath(name);
    const isOfAccount = nested.length === 0 && shared.claims.includes(first);
    return isOfAccount && acceptedValues(condition).every((text) => !isPattern(text));
  });
}

// A pattern of wildcards and separators only.
function matchesEverything(pattern: string): boolean {
  return isPattern(pattern) && !/[\p{L}\p{N}]/u.test(pattern);
}

/** Whether a condition excludes other parties. `true` and `false` do not, because the tokens of most parties have such a value. */
function excludesOthers(text: string): boolean {
  if (!isPattern(text)) return text !== '' && text !== 'true' && text !== 'false';
  const prefix = literalPrefix(text);
  if (SHARED_PREFIXES.some((shared) => shared.startsWith(prefix))) return false;
  return DISTINGUISHING.test(prefix.replace(SHARED_PREFIX, ''));
}

function fault(path: readonly string[], detail: string): IdentityFault[] {
  return [{ path, detail }];
}
