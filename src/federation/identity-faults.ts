import type { ClaimCondition, FederatedIdentity } from '../gates/protocol.ts';
import { addressFault } from '../remote-keys/address.ts';
import { DISTINGUISHING_CHARACTERS_MIN, TRUST_DOMAIN_LENGTH_MAX } from './constants.ts';
import { acceptedValues, claimPath, isTrustDomain } from './identity.ts';
import { isPattern, literalPrefix } from './pattern.ts';

/** What is wrong with a part of what a client is to trust, and where it stands. */
export interface IdentityFault {
  readonly path: readonly string[];
  /** What would be right. */
  readonly detail: string;
}

/** By what the tokens of an issuer that serves everybody are told apart: a claim, or a subject that begins with an account. */
interface SharedIssuer {
  readonly claims: readonly string[];
  /** As it is written, so that no wildcard stands where the account does. */
  readonly subject: RegExp;
}

// Whoever has an account there gets tokens of it: without one of these a condition is one on strangers. What else can stand in a subject
// does not count, since there anybody gives a subject the form that they like.
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

const TRUST_DOMAIN = new RegExp(`^spiffe://[a-z0-9._-]{1,${TRUST_DOMAIN_LENGTH_MAX}}$`);
/** What a pattern must begin with to leave others out. */
const PINNING = new RegExp(`[\\p{L}\\p{N}]{${DISTINGUISHING_CHARACTERS_MIN}}`, 'u');
/** What the subjects of a platform begin with, whoever they are: Kubernetes, AWS, Istio within a trust domain; a scheme and its host, or a word and a colon. */
const COMMON_BEGINNING =
  /^(?:system:serviceaccount:|arn:[\w-]*(?::\w*(?:::?)?)?|ns\/|[a-z][\w+.-]*:\/\/[^/]*\/?|[\w-]+[:|])/i;
/** Such beginnings in full: a pattern that stops within one leaves nobody out either. */
const COMMON_BEGINNINGS = ['system:serviceaccount:', 'project_path:', 'organization:', 'account:'];
const EVERYTHING = 'must not match everything';
/** The claims that have a field of their own, or tell one token from another and not whose it is. */
const NOT_CONDITIONS = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'];

/**
 * What is wrong with a workload that a client is to trust: an issuer that cannot be one, keys that cannot be had, conditions that everybody
 * fulfils, or everybody at an issuer that anyone can have tokens of.
 * @param ownIssuer our own, whose tokens are no credentials of a client
 */
export function identityFaults(identity: FederatedIdentity, ownIssuer: string): IdentityFault[] {
  return [...issuerFaults(identity, ownIssuer), ...conditionFaults(identity)];
}

function issuerFaults({ issuer, jwks_uri, jwks }: FederatedIdentity, ownIssuer: string): IdentityFault[] {
  if (issuer === ownIssuer) return fault(['issuer'], 'must be another than this service');
  if (jwks_uri !== undefined && jwks !== undefined) return fault(['jwks_uri'], 'must not be given beside `jwks`');
  const jwksFault = jwks_uri === undefined ? undefined : addressFault(jwks_uri);
  if (jwksFault !== undefined) return fault(['jwks_uri'], jwksFault);
  const hasKeys = jwks_uri !== undefined || jwks !== undefined;
  if (isTrustDomain(issuer)) {
    if (!TRUST_DOMAIN.test(issuer)) return fault(['issuer'], 'must be a trust domain, such as `spiffe://example.org`');
    return hasKeys
      ? []
      : fault(['jwks_uri'], 'must be the bundle endpoint of the trust domain, unless `jwks` is given');
  }
  // With keys of its own it is but a name, which a cluster may have that nobody outside can reach.
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
  const wrong = [
    ...(subject !== undefined && isTrivial(subject) ? fault(['subject'], EVERYTHING) : []),
    ...Object.entries(claims).flatMap(([name, condition]) => {
      const detail = claimFault(name, condition);
      return detail === undefined ? [] : fault(['claims', name], detail);
    }),
  ];
  if (wrong.length > 0) return wrong;
  if (isTrustDomain(issuer)) {
    const begins = `${issuer}/`;
    return subject?.startsWith(begins) && pins(subject.slice(begins.length))
      ? []
      : fault(['subject'], `must begin with \`${begins}\` and more than that`);
  }
  const isPinned = Object.values(claims).some((condition) => acceptedValues(condition).every(pins));
  if (!isPinned && !(subject !== undefined && pins(subject)))
    return fault(['subject'], 'must say whose tokens are meant, unless `claims` does');
  const shared = SHARED_ISSUERS[issuer];
  return shared && !pinsAccount(identity, shared)
    ? fault(
        ['claims'],
        `must have one of ${shared.claims.map((name) => `\`${name}\``).join(', ')}, without \`*\`: everybody can have tokens of this issuer`,
      )
    : [];
}

function claimFault(name: string, condition: ClaimCondition): string | undefined {
  const [first, ...nested] = claimPath(name);
  if (first !== undefined && nested.length === 0 && NOT_CONDITIONS.includes(first))
    return 'must be another claim: `issuer`, `audience` and `subject` say what those must be';
  return acceptedValues(condition).some(isTrivial) ? EVERYTHING : undefined;
}

function pinsAccount({ subject, claims = {} }: FederatedIdentity, shared: SharedIssuer): boolean {
  if (subject !== undefined && shared.subject.test(subject)) return true;
  return Object.entries(claims).some(([name, condition]) => {
    const [first = '', ...nested] = claimPath(name);
    const isOfAccount = nested.length === 0 && shared.claims.includes(first);
    return isOfAccount && acceptedValues(condition).every((text) => !isPattern(text));
  });
}

// Nothing in it that is not a wildcard, or what stands between names anywhere.
function isTrivial(pattern: string): boolean {
  return isPattern(pattern) && !/[\p{L}\p{N}]/u.test(pattern);
}

/** Whether a text leaves others out: of what is either true or false everybody has one. */
function pins(text: string): boolean {
  if (!isPattern(text)) return text !== '' && text !== 'true' && text !== 'false';
  const begins = literalPrefix(text);
  if (COMMON_BEGINNINGS.some((common) => common.startsWith(begins))) return false;
  return PINNING.test(begins.replace(COMMON_BEGINNING, ''));
}

function fault(path: readonly string[], detail: string): IdentityFault[] {
  return [{ path, detail }];
}
