import type { FederatedIdentity } from '../../gates/protocol.ts';

// The representations of the management API, as far as this command line reads them. Times are RFC 3339 in UTC.

export interface Page<Item> {
  readonly data: readonly Item[];
  readonly next_cursor: string | null;
}

export interface Grant {
  readonly resource_server: string;
  readonly scopes: readonly string[];
}

export interface Organization {
  readonly id: string;
  readonly name: string;
}

/** What `GET /v1/me` says of the key of the request. */
export interface Me {
  readonly kind: 'root' | 'api_key';
  readonly id: string | null;
  readonly name: string | null;
  readonly organization: Organization | null;
  readonly scopes: readonly string[];
  /** Absent from older servers. */
  readonly rank?: 'primary' | 'secondary' | null;
  readonly expires_at: string | null;
  readonly issuer: string;
  readonly version: string;
}

export interface ResourceServer {
  readonly id: string;
  /** null if all organizations share it. */
  readonly organization_id: string | null;
  readonly identifier: string;
  readonly name: string;
  readonly scopes: readonly { readonly name: string; readonly description: string }[];
  /** Seconds. */
  readonly access_token_ttl: number | null;
  readonly signing_alg: string;
  readonly access_token_typ: string;
  readonly introspection: string;
  readonly scope_policy: string;
  readonly accepted_claims: readonly string[];
}

export interface Role {
  readonly id: string;
  /** null if all organizations share it. */
  readonly organization_id: string | null;
  readonly name: string;
  readonly description: string;
  readonly grants: readonly Grant[];
}

export interface Quota {
  readonly tokens_per_day: number | null;
  readonly tokens_per_month: number | null;
  readonly action: string;
}

export interface QuotaPeriod {
  readonly limit: number | null;
  readonly issued: number;
  readonly remaining: number | null;
  readonly resets_at: string;
}

export interface QuotaReport {
  readonly action: string | null;
  readonly day: QuotaPeriod;
  readonly month: QuotaPeriod;
}

export interface Client {
  readonly client_id: string;
  readonly organization_id: string;
  readonly client_name: string;
  readonly token_endpoint_auth_method: string;
  readonly additional_auth_methods: readonly string[];
  readonly federated_identities: readonly FederatedIdentity[];
  readonly grants: readonly Grant[];
  readonly roles: readonly string[];
  readonly introspects: readonly string[];
  readonly default_resource: string | null;
  /** Seconds. */
  readonly access_token_ttl: number | null;
  /** Absent from an older server. */
  readonly owner?: string | null;
  readonly rate_limit: { readonly per_minute: number; readonly burst: number };
  readonly claims: Readonly<Record<string, unknown>>;
  readonly requestable_claims: readonly string[];
  readonly may_rotate_secret: boolean;
  /** Absent from an older server. */
  readonly log?: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: string;
  /** Absent from an older server. */
  readonly expires_at?: string | null;
  /** Absent from an older server. */
  readonly quota?: Quota | null;
  /** Absent from an older server. */
  readonly last_used_at?: string | null;
}

export interface Webhook {
  readonly id: string;
  /** null if it gets the events of the instance. */
  readonly organization_id: string | null;
  readonly name: string;
  readonly description: string;
  readonly url: string;
  /** null for all. */
  readonly events: readonly string[] | null;
  readonly status: string;
  readonly disabled_reason: string | null;
  readonly failing_since: string | null;
}

export interface WebhookDelivery {
  readonly event_id: string;
  readonly event: string;
  readonly status: string;
  readonly attempts: number;
  readonly created_at: string;
  readonly next_attempt_at: string | null;
  readonly last_status: number | null;
  readonly last_fault: string | null;
}

/** A write that is still propagating after its answer. */
export interface Change {
  readonly id: string;
  readonly status: 'pending' | 'delivered';
  readonly gates: number;
  readonly delivered: number;
  /** When nothing uses the previous state any more. null if that is when the gates have the change, or if the time is not known yet. */
  readonly settles_at?: string | null;
}

/** A problem document, [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457). */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly detail: string }[];
  readonly orphans?: readonly { readonly type: string; readonly id: string; readonly name: string }[];
  readonly orphans_total?: number;
}
