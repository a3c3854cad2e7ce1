import type { ClientAuthentication, TokenBinding } from './client-authentication.ts';

/** How many token requests a client may make: `burst` at once, refilled at `per_minute`. */
export interface RateLimit {
  readonly per_minute: number;
  readonly burst: number;
}

/** How a resource server's tokens can be signed. */
export const SIGNING_ALGS = ['ES256', 'RS256', 'EdDSA'] as const;
export type SigningAlg = (typeof SIGNING_ALGS)[number];

/** What a client is granted at one resource server, its roles' scopes included. */
export interface Grant {
  /** The resource server's identifier: the audience. */
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly access_token_ttl: number | null;
  readonly signing_alg: SigningAlg;
}

export interface SecretRecord {
  /** Missing in records of an older version. */
  readonly id?: string;
  /** As `secret-hash.ts` writes it. */
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly expires_at: number | null;
}

/**
 * All that decides about a client, resolved from its rows in D1. A gate keeps one as JSON for as long as it lives, so code one
 * version older or newer must be able to read it: fields are added, never renamed or given another meaning.
 */
export interface ClientRecord {
  readonly version: number;
  readonly client_id: string;
  readonly organization_id: string;
  /** What `sub` names. */
  readonly subject: 'client' | 'organization';
  /** `disabled` also where the organization is. */
  readonly status: 'active' | 'disabled';
  readonly secrets: readonly SecretRecord[];
  readonly grants: readonly Grant[];
  readonly default_resource: string | null;
  /** Role names. */
  readonly roles: readonly string[];
  /** Identifiers of the resource servers on whose behalf the client introspects. */
  readonly introspects: readonly string[];
  readonly access_token_ttl: number | null;
  readonly rate_limit: RateLimit;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Names of claims that a token request may ask for. Like what follows, missing in records of an older version. */
  readonly requestable_claims?: readonly string[];
  /** Those of `introspects` that chose `edge`. */
  readonly introspects_at_edge?: readonly string[];
  /** Whether the client may rotate its secret with its own credentials. */
  readonly may_rotate_secret?: boolean;
  /** Another number than before means that every token issued so far is revoked. */
  readonly revocation_epoch?: number;
  /** How the client authenticates; where it is missing, by its secrets. */
  readonly authentication?: ClientAuthentication;
  /** What its tokens must be bound to; where it is missing, nothing. */
  readonly binding?: TokenBinding;
}
