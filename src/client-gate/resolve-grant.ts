import { ACCESS_TOKEN_TTL_DEFAULT, STRICT_ACCESS_TOKEN_TTL_MAX } from '../constants.ts';
import type { ClientRecord, Grant, GrantRefusal, GrantRequest, ResolvedGrant, SigningAlg } from '../gates/protocol.ts';
import { comparableForm } from '../lib/identifier.ts';
import { authenticationOf } from './check-proof.ts';

/**
 * The signature algorithms that the strict profile permits ([FAPI 2.0 section
 * 5.4.1](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.4.1)).
 */
const STRICT_SIGNING_ALGS: readonly SigningAlg[] = ['ES256', 'EdDSA'];

/**
 * Decides what a token says about its client and its audience, or why the client gets no token.
 *
 * - Resource server: the requested one ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)), else the client's only
 *   one, else its default. A request may spell its identifier in another way that means the same.
 * - Scopes: the requested ones, all of which must be granted ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)),
 *   or at least one if the resource server narrows requests; without a request, all scopes granted there.
 * - Roles: those that grant something at that resource server.
 * - Claims: the client's own, overwritten by the requested ones. The client must be allowed to request each of them. Restricted claims
 *   take part only if the resource server accepts them.
 */
export function resolveGrant(record: ClientRecord, request: GrantRequest): ResolvedGrant | GrantRefusal {
  if (record.grants.length === 0) return 'unauthorized_client';
  const grant = findRequestedGrant(record, request);
  if (!grant) return 'invalid_target';
  const { is_strict } = authenticationOf(record);
  if (is_strict && !STRICT_SIGNING_ALGS.includes(grant.signing_alg)) return 'invalid_target';

  const scopes = resolveScopes(grant, request.scopes);
  if (!scopes) return 'invalid_scope';
  const claims = resolveClaims(record, grant, request.claims);
  if (!claims) return 'invalid_request';

  const ttl = record.access_token_ttl ?? grant.access_token_ttl ?? ACCESS_TOKEN_TTL_DEFAULT;
  return {
    client_id: record.client_id,
    organization_id: record.organization_id,
    subject: record.subject === 'organization' ? record.organization_id : record.client_id,
    resource: grant.resource,
    scopes,
    roles: rolesAt(grant, record.roles),
    claims,
    access_token_ttl: is_strict ? Math.min(ttl, STRICT_ACCESS_TOKEN_TTL_MAX) : ttl,
    signing_alg: grant.signing_alg,
    ...(grant.access_token_typ !== undefined && { access_token_typ: grant.access_token_typ }),
  };
}

/** Finds the grant at the resource server that a request names; if it names none, at the client's only one, else at its default one. */
export function findRequestedGrant(
  { grants, default_resource }: Pick<ClientRecord, 'grants' | 'default_resource'>,
  request: GrantRequest,
): Grant | undefined {
  const only = grants.length === 1 ? grants[0]?.resource : undefined;
  const resource = request.resource ?? only ?? default_resource;
  return resource === null ? undefined : findGrant(grants, resource);
}

/**
 * Returns the milliseconds from `now` until the requested token can be active: those issued before its grant's `tokens_from` are tokens of
 * a deleted resource server. Such a time is ahead only if this gate's clock is behind the clock of the edge that created the next one.
 */
export function untilTokensCount(record: ClientRecord, request: GrantRequest, now: number): number {
  const waitFor = ({ tokens_from = 0 }: Grant) => Math.max(0, tokens_from * 1000 - now);
  if (record.grants.every((grant) => waitFor(grant) === 0)) return 0;
  const resolved = resolveGrant(record, request);
  const grant = typeof resolved === 'string' ? undefined : findGrant(record.grants, resolved.resource);
  return grant ? waitFor(grant) : 0;
}

/** The scopes of a grant, for look-ups. A record never changes: a push replaces it, and its grants with it. */
const scopeSets = new WeakMap<Grant, ReadonlySet<string>>();

/** Returns the scopes of the token, in the requested order; undefined if the request is refused. */
function resolveScopes(grant: Grant, requested: readonly string[] | undefined): readonly string[] | undefined {
  if (!requested) return grant.scopes;
  const granted = scopeSets.get(grant) ?? new Set(grant.scopes);
  scopeSets.set(grant, granted);
  const scopes = requested.filter((scope) => granted.has(scope));
  if (scopes.length === requested.length) return scopes;
  return grant.scope_policy === 'narrow' && scopes.length > 0 ? scopes : undefined;
}

/**
 * Finds the grant at a resource server. The exact spelling wins, and costs no parsing. Another spelling must have one meaning: two
 * identifiers of one form may exist from before the form was unique.
 */
function findGrant(grants: readonly Grant[], resource: string): Grant | undefined {
  const exact = grants.find((grant) => grant.resource === resource);
  if (exact) return exact;
  const form = comparableForm(resource);
  const [found, ...others] = grants.filter((grant) => comparableForm(grant.resource) === form);
  return others.length === 0 ? found : undefined;
}

function rolesAt({ roles }: Grant, names: readonly string[]): readonly string[] {
  return roles ? roles.flatMap((position) => names[position] ?? []) : names;
}

/** Returns the claims of the token; undefined if the client may not request all of those that it requests. */
function resolveClaims(
  record: ClientRecord,
  grant: Grant,
  requested: GrantRequest['claims'],
): ResolvedGrant['claims'] | undefined {
  const own = ownClaims(record, grant);
  if (!requested) return own;
  return isSubset(Object.keys(requested), requestableClaims(record, grant)) ? { ...own, ...requested } : undefined;
}

function ownClaims(
  { claims, restricted_claims }: ClientRecord,
  { accepted_claims = [] }: Grant,
): ClientRecord['claims'] {
  if (!restricted_claims || accepted_claims.length === 0) return claims;
  const accepted = Object.entries(restricted_claims).filter(([name]) => accepted_claims.includes(name));
  return { ...claims, ...Object.fromEntries(accepted) };
}

function requestableClaims(record: ClientRecord, { accepted_claims = [] }: Grant): readonly string[] {
  const { requestable_claims = [], restricted_requestable_claims = [] } = record;
  return [...requestable_claims, ...restricted_requestable_claims.filter((name) => accepted_claims.includes(name))];
}

function isSubset(subset: readonly string[], superset: readonly string[]): boolean {
  const known = new Set(superset);
  return subset.every((item) => known.has(item));
}
