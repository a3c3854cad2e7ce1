import { ACCESS_TOKEN_TTL_DEFAULT } from '../constants.ts';
import type { ClientRecord, SigningAlg } from '../store/client-record.ts';

/** What a token request asks for. */
export interface GrantRequest {
  /** The resource server's identifier, where one was named. */
  readonly resource?: string | undefined;
  /** The scopes, each once, where any was named. */
  readonly scopes?: readonly string[] | undefined;
  /** Claims that the token is to have beside the client's own, where any was asked for. */
  readonly claims?: Readonly<Record<string, RequestedClaim>> | undefined;
}

/** The value of a claim that a token request may ask for. */
export type RequestedClaim = string | number | boolean;

/** What a token is to say of its client and its audience. */
export interface ResolvedGrant {
  readonly client_id: string;
  readonly organization_id: string;
  readonly subject: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Seconds. */
  readonly access_token_ttl: number;
  readonly signing_alg: SigningAlg;
}

export type GrantRefusal = 'unauthorized_client' | 'invalid_target' | 'invalid_scope' | 'invalid_request';

/**
 * Decides what a client gets of what it asked for, or why it gets nothing.
 *
 * The resource server is the named one ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)), else the client's
 * only one, else its default. The scopes are the named ones, all of which must be granted
 * ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)), else all that are granted there. The claims are the
 * client's own and over them the named ones, each of which the client must be allowed to ask for.
 */
export function resolveGrant(record: ClientRecord, request: GrantRequest): ResolvedGrant | GrantRefusal {
  if (record.grants.length === 0) return 'unauthorized_client';
  const only = record.grants.length === 1 ? record.grants[0]?.resource : undefined;
  const resource = request.resource ?? only ?? record.default_resource;
  const grant = record.grants.find((candidate) => candidate.resource === resource);
  if (!grant) return 'invalid_target';

  if (request.scopes && !isSubset(request.scopes, grant.scopes)) return 'invalid_scope';
  const claims = request.claims ?? {};
  if (!isSubset(Object.keys(claims), record.requestable_claims ?? [])) return 'invalid_request';

  return {
    client_id: record.client_id,
    organization_id: record.organization_id,
    subject: record.subject === 'organization' ? record.organization_id : record.client_id,
    resource: grant.resource,
    scopes: request.scopes ?? grant.scopes,
    roles: record.roles,
    claims: { ...record.claims, ...claims },
    access_token_ttl: record.access_token_ttl ?? grant.access_token_ttl ?? ACCESS_TOKEN_TTL_DEFAULT,
    signing_alg: grant.signing_alg,
  };
}

function isSubset(some: readonly string[], all: readonly string[]): boolean {
  const known = new Set(all);
  return some.every((item) => known.has(item));
}
