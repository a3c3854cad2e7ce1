import type { Refusal } from '../credentials/attempt-filter.ts';
import type { RateLimit } from '../store/client-record.ts';
import type { Proof } from './credential.ts';
import type { GrantRefusal, GrantRequest, ResolvedGrant } from './grant.ts';

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
export type NotAuthenticated = Refusal;

/** Where a client stands with its rate limit. */
export interface RateStanding {
  readonly limit: RateLimit;
  /** Requests left. */
  readonly remaining: number;
  /** Seconds until there is one more. */
  readonly reset: number;
}

export interface AdmissionRequest extends Identified, GrantRequest {}

export type Admission =
  /** `issued_at` is the gate's clock, seconds since the epoch: the token's `iat`. */
  | {
      readonly outcome: 'admitted';
      readonly issued_at: number;
      readonly grant: ResolvedGrant;
      readonly rate: RateStanding;
    }
  | { readonly outcome: 'refused'; readonly error: GrantRefusal; readonly rate: RateStanding }
  | { readonly outcome: 'rate_limited'; readonly rate: RateStanding }
  | NotAuthenticated
  | Unavailable;

export type Authentication =
  | { readonly outcome: 'authenticated'; readonly organization_id: string; readonly introspects: readonly string[] }
  | NotAuthenticated
  | Unavailable;

export interface InspectionRequest {
  readonly client_id: string;
  readonly jtis: readonly string[];
}

export type Inspection =
  /** For each jti, in order, whether its token stands: the client may have tokens, and this one is not revoked. */
  { readonly outcome: 'inspected'; readonly standing: readonly boolean[] } | Unavailable;

export interface RevocationRequest extends Identified {
  readonly jti: string;
  /** The token's `exp`, seconds since the epoch. */
  readonly expires_at: number;
}

export type Revocation = { readonly outcome: 'revoked' } | NotAuthenticated | Unavailable;

/** What a gate answers to. */
export interface GateMethods {
  admit(request: AdmissionRequest): Promise<Admission>;
  authenticate(request: Identified): Promise<Authentication>;
  inspect(request: InspectionRequest): Promise<Inspection>;
  revoke(request: RevocationRequest): Promise<Revocation>;
  ping(): Promise<void>;
}
