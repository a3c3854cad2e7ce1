import { addressFault } from '../remote-keys/address.ts';
import type { FederatedIdentity } from '../store/client-authentication.ts';
import { isTrustDomain, wantedTexts } from './identity.ts';
import { isPattern, literalPrefix } from './pattern.ts';

/** What is wrong with a part of what a client is to trust, and where it stands. */
export interface IdentityFault {
  readonly path: readonly string[];
  /** What would be right. */
  readonly detail: string;
}

/** By what the tokens of an issuer that serves everybody are told apart: a claim, or what a subject begins with. */
interface SharedIssuer {
  readonly claims: readonly string[];
  readonly subject?: RegExp;
}

// Whoever has an account there gets tokens of it: without one of these a condition is one on strangers.
const SHARED_ISSUERS: Readonly<Record<string, SharedIssuer>> = {
  'https://token.actions.githubusercontent.com': {
    claims: ['repository_id', 'repository_owner_id', 'enterprise_id', 'repository', 'repository_owner'],
    subject: /^repo:[^/:]+\//,
  },
  'https://gitlab.com': {
    claims: ['project_id', 'namespace_id', 'project_path', 'namespace_path'],
    subject: /^project_path:[^/:]+\//,
  },
  'https://accounts.google.com': { claims: ['email'] },
  'https://agent.buildkite.com': {
    claims: ['organization_id', 'pipeline_id', 'organization_slug'],
    subject: /^organization:[^:]+:/,
  },
  'https://app.terraform.io': {
    claims: ['terraform_organization_id', 'terraform_project_id', 'terraform_workspace_id'],
    subject: /^organization:[^:]+:/,
  },
  'https://oidc.vercel.com': { claims: ['owner_id', 'project_id'], subject: /^owner:[^:]+:/ },
};

const TRUST_DOMAIN = /^spiffe:\/\/[a-z0-9._-]{1,255}$/;
/** What a pattern must begin with to leave others out. */
const PINNING_PREFIX = /[A-Za-z0-9]{2}/;

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
  const issuerFault = hasKeys ? nameFault(issuer) : addressFault(issuer);
  return issuerFault === undefined ? [] : fault(['issuer'], issuerFault);
}

function nameFault(issuer: string): string | undefined {
  const url = URL.parse(issuer);
  const isName = url?.protocol === 'https:' && !issuer.includes('?') && !issuer.includes('#');
  return isName ? undefined : 'must be an https URL without query and fragment, or a `spiffe://` trust domain';
}

function conditionFaults(identity: FederatedIdentity): IdentityFault[] {
  const { issuer, subject, claims = {} } = identity;
  const trivial = [
    ...(subject !== undefined && isTrivial(subject) ? [['subject']] : []),
    ...Object.keys(claims)
      .filter((name) => wantedTexts(claims[name] ?? '').some(isTrivial))
      .map((name) => ['claims', name]),
  ];
  if (trivial.length > 0) return trivial.flatMap((path) => fault(path, 'must not match everything'));
  if (isTrustDomain(issuer)) {
    const begins = literalPrefix(subject ?? '');
    const isWithin = begins.startsWith(`${issuer}/`) && begins.length > issuer.length + 1;
    return isWithin ? [] : fault(['subject'], `must begin with \`${issuer}/\` and more than that`);
  }
  const isPinned = Object.values(claims).some((condition) => wantedTexts(condition).every(pins));
  if (!isPinned && !(subject !== undefined && pins(subject)))
    return fault(['subject'], 'must say whose tokens are meant, unless `claims` does');
  const shared = SHARED_ISSUERS[issuer];
  return shared && !pinsAccount(identity, shared)
    ? fault(
        ['claims'],
        `must have one of ${shared.claims.map((name) => `\`${name}\``).join(', ')}: everybody can have tokens of this issuer`,
      )
    : [];
}

function pinsAccount({ subject, claims = {} }: FederatedIdentity, shared: SharedIssuer): boolean {
  const isExact = (name: string) => {
    const condition = claims[name];
    return condition !== undefined && wantedTexts(condition).every((text) => !isPattern(text));
  };
  if (shared.claims.some(isExact)) return true;
  return subject !== undefined && (!isPattern(subject) || (shared.subject?.test(literalPrefix(subject)) ?? false));
}

// Nothing in it that is not a wildcard, or what stands between names anywhere.
function isTrivial(pattern: string): boolean {
  return isPattern(pattern) && !/[A-Za-z0-9]/.test(pattern);
}

function pins(pattern: string): boolean {
  return isPattern(pattern) ? PINNING_PREFIX.test(literalPrefix(pattern)) : pattern !== '';
}

function fault(path: readonly string[], detail: string): IdentityFault[] {
  return [{ path, detail }];
}
