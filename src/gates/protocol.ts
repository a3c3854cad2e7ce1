import type { Proof } from '../client-gate/check-proof.ts';
import type { BindingRequest } from '../client-gate/resolve-binding.ts';
import type { Confirmation, GrantRefusal, GrantRequest, ResolvedGrant } from '../client-gate/resolve-grant.ts';
import type { AuditEventRow } from '../store/audit-events.ts';
import type { ClientAuthentication } from '../store/client-authentication.ts';
import type { ClientRecord, RateLimit } from '../store/client-record.ts';
import type { UsageCount } from '../store/usage.ts';
import type { Refusal } from './attempt-filter.ts';

// What goes over the wire between the edge and a gate. After a deploy the two may be one version apart for minutes, either way
// round: members are added, never renamed, and what is missing means what it meant before.

/** Who calls, and why the gate should believe it. */
export interface Identified {
  readonly client_id: string;
  readonly proof: Proof;
}

/** Nothing was decided: the gate could not load the client's record. */
export interface Unavailable {
  readonly outcome: 'unavailable';
}

/** The client does not exist, is disabled, or did not prove itself. */
export interface NotAuthenticated extends Refusal {
  /** Whether what proves it was used before. */
  readonly replayed?: boolean;
}

export interface CredentialsRequest {
  readonly client_id: string;
}

/** How a client authenticates: what the edge verifies its credentials against. */
export type Credentials =
  | { readonly outcome: 'credentials'; readonly authentication: ClientAuthentication }
  | UnknownClient
  | Unavailable;

/** Where a client stands with its rate limit. */
export interface RateStatus {
  readonly limit: RateLimit;
  /** Requests left. */
  readonly remaining: number;
  /** Seconds until there is one more. */
  readonly reset: number;
}

export interface AdmissionRequest extends Identified, GrantRequest, BindingRequest {}

export type Admission =
  /** `issued_at` is the gate's clock, seconds since the epoch: the token's `iat`. */
  | {
      readonly outcome: 'admitted';
      readonly issued_at: number;
      readonly grant: ResolvedGrant;
      readonly rate: RateStatus;
      /** What the token is bound to. An older gate does not say, which means nothing. */
      readonly confirmation?: Confirmation;
      /** Whether the client's next DPoP proof must have a nonce. */
      readonly wants_dpop_nonce?: boolean;
    }
  | { readonly outcome: 'refused'; readonly error: GrantRefusal; readonly rate: RateStatus }
  | { readonly outcome: 'rate_limited'; readonly rate: RateStatus }
  | NotAuthenticated
  | Unavailable;

export type Authentication =
  | {
      readonly outcome: 'authenticated';
      readonly organization_id: string;
      readonly introspects: readonly string[];
      /** Those of them that chose `edge`. An older gate does not say, which means none. */
      readonly introspects_at_edge?: readonly string[];
      /** Whether the client may rotate its secret with its own credentials. An older gate does not say, which means no. */
      readonly may_rotate_secret?: boolean;
    }
  | NotAuthenticated
  | Unavailable;

export interface InspectionRequest {
  readonly client_id: string;
  readonly jtis: readonly string[];
  /** The tokens' `iat`, seconds since the epoch, in the same order. An older edge sends none: none is then newer than a cut-off. */
  readonly issued_at?: readonly number[];
}

export type Inspection =
  /** For each jti, in order, whether its token stands: the client may have tokens, and this one is not revoked, alone or with all. */
  { readonly outcome: 'inspected'; readonly standing: readonly boolean[] } | Unavailable;

export interface RevocationRequest extends Identified {
  readonly jti: string;
  /** The token's `exp`, seconds since the epoch. */
  readonly expires_at: number;
}

export type Revocation = { readonly outcome: 'revoked' } | NotAuthenticated | Unavailable;

/** What a management write pushes: the client as it was at a version. */
export interface UpdateRequest {
  readonly client_id: string;
  readonly version: number;
  /** As of that version; null where the client was deleted. */
  readonly record: ClientRecord | null;
}

/** The gate holds what was so at that version, or at a newer one; what it holds is durable. */
export interface Update {
  readonly outcome: 'updated';
}

/** An administrator revokes a token: whoever sends this has made sure that it may. */
export interface TokenRevocationRequest {
  readonly client_id: string;
  readonly jti: string;
  /** The token's `exp`, seconds since the epoch. */
  readonly expires_at: number;
  /** Whether the gate must know the client: nobody else has looked whether there is such a client. */
  readonly must_exist?: boolean;
}

/** There is no such client. */
export interface UnknownClient {
  readonly outcome: 'unknown_client';
}

export type TokenRevocation = Extract<Revocation, { outcome: 'revoked' }> | UnknownClient | Unavailable;

/** An event whose organization is the client's, where none is named. */
export type UnrecordedEvent = Omit<AuditEventRow, 'organizationId'> & {
  readonly organizationId?: string | null | undefined;
};

/** An administrator revokes all that the client was issued so far, D1 being gone: its record cannot say so. */
export interface CutOffRequest {
  readonly client_id: string;
  readonly event: UnrecordedEvent;
}

/** An administrator did something that D1 must be told of later, being gone. */
export interface EventRequest {
  readonly client_id: string;
  readonly event: UnrecordedEvent;
}

/** It is durable, and D1 is told once it is back. */
export interface Recorded {
  readonly outcome: 'recorded';
}

export interface ActivityRequest {
  readonly client_id: string;
}

/** What only the gate knows as of now. Times are in milliseconds since the epoch. */
export interface Activity {
  readonly outcome: 'activity';
  /** The client's secrets that were ever used, as far as the gate knows. */
  readonly secrets: readonly { readonly id: string; readonly last_used_at: number }[];
  /** The counts that D1 does not have whole. They are absolute: each replaces what D1 has for its hour and outcome, where that is less. */
  readonly usage: readonly UsageCount[];
}

/** What a gate answers to. */
export interface GateMethods {
  admit(request: AdmissionRequest): Promise<Admission>;
  authenticate(request: Identified): Promise<Authentication>;
  credentials(request: CredentialsRequest): Promise<Credentials>;
  inspect(request: InspectionRequest): Promise<Inspection>;
  revoke(request: RevocationRequest): Promise<Revocation>;
  update(request: UpdateRequest): Promise<Update>;
  revokeToken(request: TokenRevocationRequest): Promise<TokenRevocation>;
  cutOff(request: CutOffRequest): Promise<TokenRevocation>;
  keepEvent(request: EventRequest): Promise<Recorded>;
  activity(request: ActivityRequest): Promise<Activity>;
  ping(): Promise<void>;
}
