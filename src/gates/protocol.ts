import type { JWK } from 'jose';

// The contract between the edge and a gate: every type that crosses the wire, or lies in a gate's storage or outbox.
//
// Everything here is written by hand. Nothing derives from a database table, a configuration or a function's return type, so a change
// elsewhere cannot change the meaning of what older code wrote. This file imports no code of the project.
// test/client-gate/recorded-storage.test.ts compares it with storage that older code wrote.
//
// After a deploy the two sides may be one version apart for minutes, in either direction, and storage may have been written by any
// earlier version. So:
// - Add members, never rename or remove them, and never give one another meaning.
// - A new member is optional. The comment on it says what its absence means: an older side did not send it.
// - Both sides ignore members they do not know. A member that must not be ignored needs a check that fails closed, as the edge does when
//   an older gate leaves out `confirmation`.
// - Add values to a union only if an older reader treats an unknown value safely. The comment on each union says what it does.
// - A new `outcome` is an unknown value as well. An edge from this version on answers 503 (see `OUTCOMES` in gates.ts); earlier ones treat
//   it as success, except in `admit` and `inspect`: add an outcome only when no such edge runs.
//
// Members are in snake_case because they are JSON; `GateAuditEvent` keeps the camelCase that already lies in outboxes.

// ── The client's record ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How many token requests a client may make: `burst` at once, refilled at `per_minute`. */
export interface RateLimit {
  readonly per_minute: number;
  readonly burst: number;
}

/**
 * How many tokens may be issued in a day and in a month, by UTC; null for any number. An older gate counts no quota and refuses nothing for
 * one.
 */
export interface Quota {
  readonly tokens_per_day: number | null;
  readonly tokens_per_month: number | null;
  /**
   * Whether a token beyond the quota is refused. Notices are sent in either case. A gate treats a value that it does not know as `warn`.
   */
  readonly action: 'warn' | 'enforce';
}

/** A period for which a quota counts: a day or a month, by UTC. */
export type QuotaPeriod = 'day' | 'month';

/** A signature algorithm for access tokens. An older edge has no key for an algorithm that it does not know, and answers 503. */
export type SigningAlg = 'ES256' | 'RS256' | 'EdDSA';

/**
 * The `typ` header of access tokens. An edge writes the value that a gate gives it, and accepts only tokens whose type it knows: teach a
 * new value to the edge one version earlier.
 */
export type AccessTokenTyp = 'at+jwt' | 'JWT';

/** How a resource server treats a request for more scopes than are granted. */
export type ScopePolicy = 'exact' | 'narrow';

/** What a client is granted at one resource server, including the scopes of its roles. */
export interface Grant {
  /** The resource server's identifier: the audience. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Seconds; null if the resource server sets none. */
  readonly access_token_ttl: number | null;
  readonly signing_alg: SigningAlg;
  /** Absent in an older record: `at+jwt`. */
  readonly access_token_typ?: AccessTokenTyp;
  /**
   * What happens to a request for more scopes than are granted: `exact` refuses it, `narrow` leaves the others out. Absent in an older
   * record: `exact`. A gate treats an unknown value as `exact`, and an older gate ignores the member.
   */
  readonly scope_policy?: ScopePolicy;
  /**
   * The client's roles that grant something here, as positions in the record's `roles`. Absent in an older record: all of them, because
   * that is what an older gate puts into a token.
   */
  readonly roles?: readonly number[];
  /** Those of the client's restricted claims that the resource server accepts. Absent, and in an older record: none. */
  readonly accepted_claims?: readonly string[];
  /**
   * Tokens issued before are those of a deleted resource server with this identifier, and are inactive: seconds since the epoch. Absent,
   * also in an older record: there was none. An older gate calls such tokens active.
   */
  readonly tokens_from?: number;
}

/** A resource server for which a client introspects, and whose identifier an earlier one had. */
export interface ReusedIdentifier {
  readonly resource: string;
  /** As in `Grant`. */
  readonly tokens_from: number;
}

/** A client secret, as a gate compares it. */
export interface SecretRecord {
  /** Absent in a record of an older version: the last use of such a secret is not recorded. */
  readonly id?: string;
  /** The HMAC of the secret, as `credentials/secret-hash.ts` writes it. */
  readonly hash: string;
  /** Milliseconds since the epoch; null for never. */
  readonly expires_at: number | null;
}

/**
 * How a client can authenticate: the names of the [IANA registry](https://www.iana.org/assignments/oauth-parameters), and `federated_jwt`
 * for the token of another issuer that the client trusts. An older gate, and an older edge, accept no credential by a method that they do
 * not know.
 */
export type AuthMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'self_signed_tls_client_auth'
  | 'federated_jwt';

/**
 * What the `aud` of a client's own assertion may be. An edge accepts only the issuer for a value that it does not know.
 */
export type AssertionAudience = 'issuer' | 'issuer_or_token_endpoint';

/** That every success of a client is logged. An edge treats any other value as a sample. */
export type ClientLog = 'all';

/** A public key that is registered for a client. */
export interface RegisteredKey {
  /** As it was registered. */
  readonly jwk: JWK;
  /** The [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) thumbprint, in base64url. */
  readonly thumbprint: string;
  /** The thumbprint of the first certificate in `x5c`, as in `x5t#S256`; null if there is none. */
  readonly certificate: string | null;
}

/**
 * The expected subject of a client's certificate ([RFC 8705 section 2.1.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2)). An older
 * edge finds no match for a `type` that it does not know, and refuses the certificate.
 */
export interface TlsSubject {
  readonly type: 'subject_dn' | 'san_dns' | 'san_uri' | 'san_ip' | 'san_email';
  readonly value: string;
}

/**
 * The required value of a claim: one value, or any of several. In a text, `*` matches any characters. An older edge fails on a condition
 * that is another kind of object, and answers 500: teach it to the edge one version earlier.
 */
export type ClaimCondition = string | number | boolean | readonly string[];

/** A workload whose tokens, from another issuer, authenticate the client. */
export interface FederatedIdentity {
  /** An `https` issuer, as its tokens name it, or the `spiffe://` trust domain of their subjects. */
  readonly issuer: string;
  /** The only audience of its tokens. */
  readonly audience: string;
  /** The required `sub`; `*` matches any characters. */
  readonly subject?: string | undefined;
  /** Conditions on other claims, by name, or by JSON pointer for nested ones. */
  readonly claims?: Readonly<Record<string, ClaimCondition>> | undefined;
  /** The address of the issuer's keys. Absent: its discovery document names it. */
  readonly jwks_uri?: string | undefined;
  /** The issuer's keys, if they cannot be fetched from outside its network. */
  readonly jwks?: { readonly keys: readonly JWK[] } | undefined;
}

/** A federated identity, as a client's record holds it. */
export interface RegisteredIdentity extends FederatedIdentity {
  /** SHA-256 over all of its members, in base64url. */
  readonly digest: string;
}

/** How a client authenticates, and everything that its credentials are verified against, except its secrets. */
export interface ClientAuthentication {
  /** The accepted methods. Under the strict profile, only those registered methods that it permits. */
  readonly methods: readonly AuthMethod[];
  readonly keys: readonly RegisteredKey[];
  readonly jwks_uri: string | null;
  readonly tls_subject: TlsSubject | null;
  readonly federated_identities: readonly RegisteredIdentity[];
  /** Whether the strict profile applies to the client. */
  readonly is_strict: boolean;
  /**
   * The longest lifetime of the client's own assertions, seconds. Absent: 300, as under the strict profile and in an older record. An older
   * edge ignores it: it refuses longer ones, and the gate refuses its proof if the limit is lower.
   */
  readonly assertion_lifetime_max?: number;
  /** The audience of the client's own assertions. Absent: `issuer`, as above. An older edge ignores it and accepts only the issuer. */
  readonly assertion_audience?: AssertionAudience;
}

/** What a client's tokens must be bound to. */
export interface TokenBinding {
  /** To a key: [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449). */
  readonly dpop: boolean;
  /** Whether a DPoP proof must contain one of our nonces. */
  readonly dpop_nonce: boolean;
  /** To a certificate: [RFC 8705 section 3](https://www.rfc-editor.org/rfc/rfc8705#section-3). */
  readonly certificate: boolean;
  /** To either of the two. */
  readonly any: boolean;
}

/**
 * Everything that decides about a client, resolved from its rows in D1. A gate stores it as JSON for as long as the gate exists, and a
 * push sends it over the wire, so code one version older or newer must read it.
 */
export interface ClientRecord {
  readonly version: number;
  readonly client_id: string;
  readonly organization_id: string;
  /** What the `sub` claim names. A gate names the client for a value that it does not know: teach it to the gates one version earlier. */
  readonly subject: 'client' | 'organization';
  /**
   * `disabled` also if its organization is. `expiring` is active until `expires_at`: a value of its own, because an older gate treats any
   * other value than `active` as disabled, and so does not issue tokens that outlive the client. A gate treats a value that it does not
   * know, and `expiring` without `expires_at`, as disabled.
   */
  readonly status: 'active' | 'disabled' | 'expiring';
  readonly secrets: readonly SecretRecord[];
  readonly grants: readonly Grant[];
  readonly default_resource: string | null;
  /** Role names. An older gate puts all of them into every token. */
  readonly roles: readonly string[];
  /** Identifiers of the resource servers for which the client introspects. */
  readonly introspects: readonly string[];
  /** Seconds; null if the client sets none. */
  readonly access_token_ttl: number | null;
  readonly rate_limit: RateLimit;
  /** Claims of every token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Names of claims that every token request may ask for. Absent in an older record: none. */
  readonly requestable_claims?: readonly string[];
  /**
   * Claims only of tokens for a resource server that accepts them (`Grant.accepted_claims`). Absent in an older record: none, because
   * older code restricts no claim. An older gate ignores them, so that a verifier that does not want them never gets them.
   */
  readonly restricted_claims?: Readonly<Record<string, unknown>>;
  /** The same for `requestable_claims`. */
  readonly restricted_requestable_claims?: readonly string[];
  /** Those of `introspects` that chose `edge`. Absent in an older record: none. */
  readonly introspects_at_edge?: readonly string[];
  /** Those of `introspects` whose identifier an earlier resource server had. Absent in an older record: none. */
  readonly introspects_reused?: readonly ReusedIdentifier[];
  /** Whether the client may rotate its own secret. Absent in an older record: no. */
  readonly may_rotate_secret?: boolean;
  /** `all` if every success of the client is logged. Absent, and in an older record: a sample. An older gate ignores it. */
  readonly log?: ClientLog;
  /** If this differs from the stored one, every token issued so far is revoked. Absent in an older record: 0. */
  readonly revocation_epoch?: number;
  /** How the client authenticates. Absent in an older record: by its secrets. */
  readonly authentication?: ClientAuthentication;
  /** What its tokens must be bound to. Absent in an older record: nothing. */
  readonly binding?: TokenBinding;
  /**
   * When the client ends, seconds since the epoch: from then on it is disabled, and no token's `exp` is later. Absent, and in an older
   * record: never. An older gate ignores it; see `status`.
   */
  readonly expires_at?: number;
  /**
   * Present if the policy for unused clients disabled the client: its last use as far as the edge knew, milliseconds since the epoch; 0 for
   * none. A gate that knows of a later use keeps the client active and says so in `Update`. An older gate ignores it and disables the
   * client.
   */
  readonly unused_since?: number;
  /** How many tokens the client may be issued. Absent, and in an older record: any number. An older gate ignores it. */
  readonly quota?: Quota;
  /**
   * Tokens issued up to the end of this second are revoked, seconds since the epoch: a restored backup had revocations that only the old
   * gate knew. Absent, and in an older record: none. An older gate ignores it, and calls these tokens active until they expire.
   */
  readonly cut_off?: number;
}

// ── Proofs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The id of an assertion or DPoP proof that may be used once. Stored as JSON in the gate's replay memory. */
export interface SpentId {
  /** Its kind and its `jti`, such as `dpop 7f0c`. */
  readonly id: string;
  /** When every clock refuses it for its age, seconds since the epoch. */
  readonly expires_at: number;
  /**
   * Its `iat`, seconds since the epoch, which may have a fraction; 0 if it has none: a gate then writes the use to storage at once. The
   * same at each use of the same assertion or proof. Absent from an older edge: written at once as well. An older gate ignores it.
   */
  readonly issued_at?: number;
}

/**
 * A client's credential, reduced by the edge to something small enough to compare. A gate refuses a kind of proof that it does not know, as
 * `invalid_client`.
 */
export type Proof = SecretProof | KeyProof;

export interface SecretProof {
  readonly kind: 'secret';
  /** The hash of each reading of the presented secret under each accepted master key. An older edge sends one reading. */
  readonly hashes: readonly string[];
}

/** A key or certificate that the edge verified against the client's record, as far as the edge knew that record. */
export interface KeyProof {
  readonly kind: 'key';
  /** The credential reference that it was verified against (see `credential-refs.ts`). The name is from an earlier version. */
  readonly anchor: string;
  /** The id to spend, if the credential may be used once. */
  readonly spends?: SpentId;
}

/** A client and its proof. */
export interface Identified {
  readonly client_id: string;
  readonly proof: Proof;
}

/** A DPoP proof, reduced to what the gate judges. */
export interface DpopEvidence {
  /** The thumbprint of its key. */
  readonly jkt: string;
  /** The algorithm of its signature. */
  readonly alg: string;
  readonly spends: SpentId;
  /** Whether it contains one of our nonces. */
  readonly has_nonce: boolean;
}

/**
 * The possession that a token request proves besides its credential. The edge has verified it. An older gate ignores it and leaves out
 * `confirmation`.
 */
export interface BindingRequest {
  readonly dpop?: DpopEvidence | undefined;
  /** The thumbprint of the client's certificate, as in `x5t#S256`. */
  readonly certificate?: string | undefined;
}

// ── Answers that several methods share ──────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Nothing was decided: the gate could not load the client's record from D1. `admit` returns it as well if the gate's clock is more than
 * `ISSUE_WAIT_MAX_MS` behind the client's cut-off, or behind `tokens_from` of the grant.
 */
export interface Unavailable {
  readonly outcome: 'unavailable';
  /**
   * Present if the gate lost its memory and cannot tell whether the request's assertion or proof was used before: whole seconds after which
   * a new one is accepted. An older edge answers 503 as well, with a `Retry-After` of its own.
   */
  readonly retry_after?: number;
}

/** There is no such client. */
export interface UnknownClient {
  readonly outcome: 'unknown_client';
}

/** The client does not exist, is disabled, or did not prove its identity. */
export interface NotAuthenticated {
  readonly outcome: 'invalid_client';
  /** Whether the client exists. */
  readonly known: boolean;
  /** Fingerprints of the client's live secrets; see `fingerprint()`. */
  readonly fingerprints: readonly string[];
  /** Whether the credential was used before. Absent: no, or the gate is older and does not say. */
  readonly replayed?: boolean;
  /** Whether the credential is right, and the client has expired. For the log. Absent: no, or the gate is older. */
  readonly expired?: boolean;
  /**
   * Why, for the log: the credential is right and the client is disabled, the secret has expired, or the client does not authenticate by
   * secrets. Absent: nothing more is known, or the gate is older. An edge ignores a value that it does not know.
   */
  readonly cause?: 'disabled_client' | 'expired_secret' | 'method_not_registered';
}

/** A client's allowance after a request. */
export interface RateStatus {
  readonly limit: RateLimit;
  /** Requests left. */
  readonly remaining: number;
  /** Seconds until there is one more. */
  readonly reset: number;
  /** The quotas that are enforced. Absent, and from an older gate: none. An older edge ignores them. */
  readonly quotas?: readonly QuotaStatus[];
}

/** What is left of a quota after a request. */
export interface QuotaStatus {
  readonly period: QuotaPeriod;
  /** Tokens in the period. */
  readonly limit: number;
  /** Tokens left. */
  readonly remaining: number;
  /** Seconds until the period ends. */
  readonly reset: number;
  /** The length of the period, seconds. */
  readonly window: number;
}

// ── admit ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The value of a claim that a token request may ask for. */
export type RequestedClaim = string | number | boolean;

/** What a token request asks for. */
export interface GrantRequest {
  /** The resource server's identifier, if the request names one. */
  readonly resource?: string | undefined;
  /** The requested scopes without duplicates, if the request names any. */
  readonly scopes?: readonly string[] | undefined;
  /** Requested claims, added to the client's own. */
  readonly claims?: Readonly<Record<string, RequestedClaim>> | undefined;
}

export interface AdmissionRequest extends Identified, GrantRequest, BindingRequest {}

/** What a token is bound to ([RFC 7800 section 3.1](https://www.rfc-editor.org/rfc/rfc7800#section-3.1)). */
export interface Confirmation {
  /** The thumbprint of a key ([RFC 9449 section 6.1](https://www.rfc-editor.org/rfc/rfc9449#section-6.1)). */
  readonly jkt?: string;
  /** The thumbprint of a certificate ([RFC 8705 section 3.1](https://www.rfc-editor.org/rfc/rfc8705#section-3.1)). */
  readonly 'x5t#S256'?: string;
}

/** What a token says about its client and its audience. */
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
  /** Absent from an older gate, and if the gate's record is older: `at+jwt`. An older edge always writes `at+jwt`. */
  readonly access_token_typ?: AccessTokenTyp;
}

/**
 * Why an authenticated client gets no token: the proof of possession is missing, or was used before. An older edge answers an unknown value
 * with 500, as for every `GrantRefusal`.
 */
export type BindingRefusal =
  | 'dpop_required'
  | 'use_dpop_nonce'
  | 'invalid_dpop_proof'
  | 'certificate_required'
  | 'binding_required';

/** Why an authenticated client gets no token. An older edge answers an unknown value with 500: teach it to the edge one version earlier. */
export type GrantRefusal =
  | 'unauthorized_client'
  | 'invalid_target'
  | 'invalid_scope'
  | 'invalid_request'
  | BindingRefusal;

/**
 * What exactly a gate refused, for the description of the error. It names nothing but what the request named and what the client is
 * granted.
 */
export interface RefusalDetails {
  /** The requested scopes that are not granted, of `invalid_scope`. */
  readonly scopes?: readonly string[];
  /** The resource server at which they are not granted. */
  readonly resource?: string;
  /**
   * Why there is no resource server, of `invalid_target`: the request names none and there is no default one; it is not granted; or its
   * tokens have a signature that the strict profile does not permit. An edge ignores a value that it does not know.
   */
  readonly target?: 'not_named' | 'not_granted' | 'signing_alg';
  /** Whether the algorithm of the proof is the fault, of `invalid_dpop_proof`: the strict profile does not permit it. */
  readonly proof_alg?: boolean;
}

export type Admission =
  /** `issued_at` is the gate's clock, seconds since the epoch: the token's `iat`. */
  | {
      readonly outcome: 'admitted';
      readonly issued_at: number;
      readonly grant: ResolvedGrant;
      readonly rate: RateStatus;
      /** What the token is bound to. Absent from an older gate, which binds nothing: the edge then refuses a request with a proof. */
      readonly confirmation?: Confirmation;
      /** Whether the client's next DPoP proof must contain a nonce. Absent: no. */
      readonly wants_dpop_nonce?: boolean;
      /** As in `ClientRecord`. Absent, and from an older gate: a sample. An older edge ignores it. */
      readonly log?: ClientLog;
    }
  | {
      readonly outcome: 'refused';
      readonly error: GrantRefusal;
      readonly rate: RateStatus;
      /** What exactly was refused. Absent: the error says it, or the gate is older. An older edge ignores it. */
      readonly details?: RefusalDetails;
    }
  | {
      readonly outcome: 'rate_limited';
      readonly rate: RateStatus;
      /**
       * The quota that is used up. Absent, and from an older gate: the rate limit refused. An older edge answers 429 as well, with the
       * `Retry-After` of the rate limit.
       */
      readonly quota?: QuotaStatus;
    }
  | NotAuthenticated
  | Unavailable;

// ── authenticate, credentials ───────────────────────────────────────────────────────────────────────────────────────────────────────

export type Authentication =
  | {
      readonly outcome: 'authenticated';
      readonly organization_id: string;
      readonly introspects: readonly string[];
      /** Those of them that chose `edge`. Absent from an older gate: none. */
      readonly introspects_at_edge?: readonly string[];
      /** Those of them whose identifier an earlier resource server had. Absent from an older gate: none. */
      readonly introspects_reused?: readonly ReusedIdentifier[];
      /** Whether the client may rotate its own secret. Absent from an older gate: no. */
      readonly may_rotate_secret?: boolean;
      /** As in `ClientRecord`. Absent, and from an older gate: a sample. An older edge ignores it. */
      readonly log?: ClientLog;
      /**
       * For how many milliseconds after the answer the edge may go by it, by the gate's clock: until the client expires. Absent, and from
       * an older gate: without limit. An older edge ignores it, and goes by an answer for up to 10 seconds.
       */
      readonly valid_for_ms?: number;
    }
  | NotAuthenticated
  | Unavailable;

export interface CredentialsRequest {
  readonly client_id: string;
}

/** The answer to a question of the edge: how does the client authenticate? It verifies the client's credentials against this. */
export type Credentials =
  | {
      readonly outcome: 'credentials';
      readonly authentication: ClientAuthentication;
      /** Absent from an older gate: the edge then counts the client's remote keys to a share of the client's own. */
      readonly organization_id?: string;
    }
  | UnknownClient
  | Unavailable;

// ── inspect, revoke, revokeToken ────────────────────────────────────────────────────────────────────────────────────────────────────

export interface InspectionRequest {
  readonly client_id: string;
  readonly jtis: readonly string[];
  /** The tokens' `iat`, seconds since the epoch, in the same order. Absent from an older edge: every cut-off then applies to them. */
  readonly issued_at?: readonly number[];
  /** The tokens' audiences, in the same order. Absent from an older edge: deleted resource servers are not taken into account. */
  readonly audiences?: readonly string[];
  /**
   * The scopes that each token's introspection names, in the same order, separated by spaces; empty for none. Absent from an older edge,
   * and if there are none: no use is noted. An older gate ignores it.
   */
  readonly scopes?: readonly string[];
}

export type Inspection =
  | {
      readonly outcome: 'inspected';
      /**
       * For each `jti`, in order, whether its token is active: the client is, and the token is neither revoked nor cut off, nor of a
       * deleted resource server, as far as the client's grants tell.
       */
      readonly standing: readonly boolean[];
      /**
       * For each `jti`, in order, whether the client is still granted something at the token's audience, so that the resource server
       * exists. Absent from an older gate: unknown.
       */
      readonly granted?: readonly boolean[];
    }
  | Unavailable;

/** A client revokes one of its own tokens. */
export interface RevocationRequest extends Identified {
  readonly jti: string;
  /** The token's `exp`, seconds since the epoch. */
  readonly expires_at: number;
  /**
   * The token's audience. Absent from an older edge: the revocation feeds of all of the client's audiences list the token. An older gate
   * ignores it, and feeds no revocations at all.
   */
  readonly audience?: string;
}

export type Revocation = { readonly outcome: 'revoked' } | NotAuthenticated | Unavailable;

/** An administrator revokes a client's token. The sender has checked that the administrator may. */
export interface TokenRevocationRequest {
  readonly client_id: string;
  readonly jti: string;
  /** The token's `exp`, seconds since the epoch. */
  readonly expires_at: number;
  /** Whether the gate must check that the client exists, because the sender could not. Absent: no. */
  readonly must_exist?: boolean;
  /** As in `RevocationRequest`. Absent also if only the token's `jti` is known, so that nothing shows that it is the client's. */
  readonly audience?: string;
}

export type TokenRevocation = { readonly outcome: 'revoked' } | UnknownClient | Unavailable;

// ── update ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A push: the client as it was at a version. */
export interface UpdateRequest {
  readonly client_id: string;
  readonly version: number;
  /** null if the client was deleted at that version. */
  readonly record: ClientRecord | null;
}

/** The gate has stored the record of that version, or holds a newer one. */
export interface Update {
  readonly outcome: 'updated';
  /**
   * Present if the gate kept the client active although the record is disabled, because the client was used after its `unused_since`: when
   * that was, milliseconds since the epoch. The push is delivered only when D1 has enabled the client again. Absent, and from an older
   * gate: the record holds as it was sent. An older edge sends no such record.
   */
  readonly used_at?: number;
}

// ── cutOff, keepEvent ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * An audit event as a gate stores it, as JSON in its outbox, until D1 takes it. `store/audit-events.ts` maps it to the table's columns, and
 * must be able to insert events that an older version wrote. Times are in milliseconds since the epoch.
 */
export interface GateAuditEvent {
  readonly id: string;
  readonly at: number;
  readonly organizationId: string | null;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly address: string | null;
  readonly changes: Readonly<Record<string, unknown>>;
  /** The id of the request in the log. Older code neither sends nor records it: such an event has none. */
  readonly requestId?: string | undefined;
}

/** An audit event sent to a gate. Without an organization, the gate fills in its client's. */
export type UnrecordedEvent = Omit<GateAuditEvent, 'organizationId'> & {
  readonly organizationId?: string | null | undefined;
};

/** An administrator revokes every token that the client was issued so far. Sent while D1 is down, so that no push can do it. */
export interface CutOffRequest {
  readonly client_id: string;
  readonly event: UnrecordedEvent;
}

/** An administrator did something that must be recorded in D1 once it is back. */
export interface EventRequest {
  readonly client_id: string;
  readonly event: UnrecordedEvent;
}

/** The event is durable, and D1 gets it once it is back. */
export interface Recorded {
  readonly outcome: 'recorded';
}

// ── activity ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How a token request ended. The text is a column of D1 and a value of the API, so it never changes. */
export type UsageOutcome = 'issued' | 'invalid_client' | 'rate_limited' | 'quota_exceeded' | GrantRefusal;

/** How many of a client's token requests ended in one way within an hour. */
export interface UsageCount {
  /** The hour's beginning, milliseconds since the epoch. */
  readonly hour: number;
  /** A `UsageOutcome`; a text, because a newer version may have stored another. */
  readonly outcome: string;
  readonly count: number;
}

/** How many tokens for one resource server a client was issued within an hour. */
export interface ResourceCount {
  /** The hour's beginning, milliseconds since the epoch. */
  readonly hour: number;
  /** The identifier of the resource server; empty for those beyond the limit of what a gate keeps. */
  readonly resource: string;
  readonly count: number;
}

export interface ActivityRequest {
  readonly client_id: string;
  /** Whether the answer must have `scopes`. Absent: no. An older gate ignores it. */
  readonly scopes?: boolean;
}

/** An hour in which something happened last, in hours since the epoch; 0 for never. */
type Hour = number;

/** When a scope was last used. */
export type ScopeUse = readonly [
  scope: string,
  /** A token request named it. */
  requested: Hour,
  /** A token request that named it was answered with a token. A token can also be issued with it because of `ServerUses.all`. */
  issued: Hour,
  /** An introspection named it. */
  introspected: Hour,
  /** When it was granted, milliseconds since the epoch; 0 if not later than `ServerUses.since`. */
  since: number,
];

/** When the scopes at a resource server were last used. */
export interface ServerUses {
  readonly resource: string;
  /** When the resource server was granted, milliseconds since the epoch; 0 if not later than `ScopeUses.since`. */
  readonly since: number;
  /** A token request that named no scopes was last answered with a token, which has all scopes that were granted then. */
  readonly all: Hour;
  /** A token was last issued with a scope that is not granted any more. */
  readonly issued: Hour;
  /** The scopes that were named, or granted later. The others were not. */
  readonly scopes: readonly ScopeUse[];
}

/** When the client's scopes were last used, as a gate stores and reports it. A use is noted to the hour. */
export interface ScopeUses {
  /** When the gate began to note uses, milliseconds since the epoch. Nothing is known of the time before. */
  readonly since: number;
  /** A checksum of the grants that this is about: code that does not know this member may have stored a record with others. */
  readonly grants: number;
  /** A use that the gate has no room to note, of any scope or resource server without a note of its own. */
  readonly others: Hour;
  readonly servers: readonly ServerUses[];
}

/** What only the gate knows. Times are in milliseconds since the epoch. */
export interface Activity {
  readonly outcome: 'activity';
  /** The secrets of the client that were used, as far as the gate knows. */
  readonly secrets: readonly { readonly id: string; readonly last_used_at: number }[];
  /** Counts that D1 does not have in full. Each is absolute and replaces D1's count for its hour and outcome, if that is lower. */
  readonly usage: readonly UsageCount[];
  /** When the client last authenticated, to the hour. Absent: the gate does not know, or is older; D1 may know. */
  readonly last_used_at?: number;
  /** The use of the scopes. Absent if it was not asked for, and from an older gate: unknown. */
  readonly scopes?: ScopeActivity;
  /**
   * The other credentials of the client that were used, by the ids of `registeredCredentials`. Absent from an older gate: it does not know.
   * A newer edge that finds an id no more ignores it.
   */
  readonly credentials?: readonly { readonly id: string; readonly last_used_at: number }[];
  /** How many tokens the client was issued. Absent from an older gate: not known. */
  readonly issued?: IssuedTokens;
}

/** How many tokens a client was issued in the latest day and month that its gate has seen, by UTC. */
export type IssuedTokens = { readonly [Period in QuotaPeriod]: PeriodCount };

export interface PeriodCount {
  /** The period's beginning, milliseconds since the epoch. */
  readonly from: number;
  readonly count: number;
}

/** The use of the scopes of the record that a gate holds. */
export interface ScopeActivity {
  /** The version of the record; 0 if the gate has none, because nothing was ever requested of it. */
  readonly version: number;
  readonly uses: ScopeUses;
}

// ── holdScopes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Scopes at a resource server that are about to be taken from the client. */
export interface HeldScopes {
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Whether the whole grant is taken, so that no token can be for the resource server any more. */
  readonly whole: boolean;
}

/**
 * An administrator is about to take scopes from the client because they are not used. If the gate agrees, token requests that would get one
 * of them wait until the push arrives, the hold is released, or `SCOPE_HOLD_MS` have passed.
 */
export interface ScopeHoldRequest {
  readonly client_id: string;
  /** Identifies the hold. The same id replaces it. */
  readonly id: string;
  /** The gate agrees only if none of them was used at this time or later, milliseconds since the epoch. */
  readonly unused_since: number;
  /** Empty to release the hold. */
  readonly scopes: readonly HeldScopes[];
}

export type ScopeHold =
  | { readonly outcome: 'held' }
  /** Some of them were used, or the gate cannot know that they were not. */
  | {
      readonly outcome: 'used';
      readonly scopes: readonly { readonly resource: string; readonly scope: string | null }[];
    }
  /** Another hold is in force. */
  | { readonly outcome: 'busy' };

// ── noteRefusals, diagnose ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Refused requests of a client that differ in nothing but their time, as an edge reports them and a gate stores them, as JSON. The edge
 * bounds each text, and none of them contains a credential. Times are in milliseconds since the epoch.
 */
export interface NotedRefusal {
  /** When the first and the last of them were refused. */
  readonly first_at: number;
  readonly last_at: number;
  readonly count: number;
  /** The `X-Request-Id` of the last one. */
  readonly request_id: string;
  /** The reason in the log. A text, because a newer version may have stored another. */
  readonly reason: string;
  /** The endpoint: the last part of its path. */
  readonly endpoint: string;
  readonly status: number;
  /** The error code of the answer; null if it was no error, as of an introspection that says no more than `active: false`. */
  readonly error: string | null;
  /** The description of the error, if it says more than the code. */
  readonly description?: string;
  /** Where it came from; null if that is not known. */
  readonly address: string | null;
  /** Whether the request proved that it is the client's. If not, anybody may have sent it. */
  readonly is_proven: boolean;
  /** What a proven request asked for. */
  readonly resource?: string;
  readonly scopes?: readonly string[];
}

/** Refusals that an edge tells a client's gate in the background. */
export interface RefusalReport {
  readonly client_id: string;
  readonly refusals: readonly NotedRefusal[];
}

/** The gate has the refusals, or knows of no such client. They are in its memory, and soon in its storage. */
export interface Noted {
  readonly outcome: 'noted';
}

export interface DiagnosisRequest {
  readonly client_id: string;
}

/** What a gate knows about the troubles of its client. Asks no store. */
export interface GateDiagnosis {
  readonly outcome: 'diagnosis';
  /** The latest first. */
  readonly refusals: readonly NotedRefusal[];
  /** What is left of the rate limit now; null if the gate knows of no such client. */
  readonly rate: RateStatus | null;
}

// ── The methods of a gate ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The RPC interface of a gate. A call to a method that an older gate does not have fails, and the edge answers 503. */
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
  noteRefusals(report: RefusalReport): Promise<Noted>;
  diagnose(request: DiagnosisRequest): Promise<GateDiagnosis>;
  holdScopes(request: ScopeHoldRequest): Promise<ScopeHold>;
  ping(): Promise<void>;
}

// ── A gate's storage ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
//
// Rows of the gate's SQLite tables; docs/storage.md has their lifetimes. They are type aliases and not interfaces, because
// `SqlStorage.exec` requires an index signature. A table is created when it is first written. Code of an older version ignores tables that
// it does not know, but inserts rows by the number of columns: never add a column to a table.

/** `record`, one row: the client's record, as JSON. */
export type RecordRow = { readonly json: string };

/**
 * `cut_off`, one row: the last cut-off, and the version at which the client was deleted, if it was. Code of an older version does not know
 * the tombstone and may store a record beside it; the newer of the two counts.
 */
export type CutOffRow = {
  /** All tokens issued up to the end of this second are revoked, seconds since the epoch; 0 for none. */
  readonly at: number;
  readonly tombstone: number | null;
};

/** `expiry`, one row, if the record has `expires_at`. Code of an older version does not know the table. */
export type ExpiryRow = {
  /**
   * The version of the record for which KV and the revocation feed have the right status. Code of an older version stores such a record as
   * well, and tells both stores that the client is disabled.
   */
  readonly version: number;
  /** Until then tokens may exist that live longer than the client, seconds since the epoch; 0 for none. */
  readonly outlived_until: number;
};

/** A token bucket, as storage has it: the level without the reservation. Times are in milliseconds since the epoch. */
export type WrittenBucket = { readonly level: number; readonly at: number };

/**
 * `meter`, one row: the bucket, and a `StoredActivity` as JSON. An older version kept only a `WrittenBucket`, in the table `bucket`; the
 * later of the two counts.
 */
export type MeterRow = { readonly level: number | null; readonly at: number | null; readonly activity: string };

/** A usage count, and how much of it D1 has taken. */
export interface FlushedCount extends UsageCount {
  readonly flushed: number;
}

/** The same of the tokens for a resource server. */
export interface FlushedResourceCount extends ResourceCount {
  readonly flushed: number;
}

/** What `meter` holds besides the bucket. Times are in milliseconds since the epoch. */
export interface StoredActivity {
  /**
   * The last use of each secret, by the secret's id, and of each other credential, by the id of `registeredCredentials`. An older gate
   * knows secrets only: it keeps the others as they are, and forgets them at the next push.
   */
  readonly last_used: Readonly<Record<string, number>>;
  readonly usage: readonly FlushedCount[];
  /** When the counts and the client's last use are next flushed to D1; null if D1 has them. */
  readonly flush_at: number | null;
  readonly failed_flushes: number;
  /** When the client last authenticated, to the hour. Absent from an older gate's row, and before the first use: not known. */
  readonly client_used_at?: number;
  /** The `client_used_at` that D1 last took. Absent: none; D1 is then told of the next use, and keeps the later one. */
  readonly client_use_flushed?: number;
  /** Issued tokens by resource server. Absent from an older gate's row, which has lost them: D1 keeps the greater counts that it has. */
  readonly resources?: readonly FlushedResourceCount[];
  /**
   * The use of the scopes. Absent from an older gate's row: observation begins when the row is read. Code of an older version leaves it out
   * when it writes the row, so that observation begins again after a rollback.
   */
  readonly scopes?: ScopeUses;
  /** The hold on scopes that is in force. Absent: none. */
  readonly scope_hold?: StoredScopeHold;
  /**
   * How many tokens the client was issued. Absent from an older gate's row, and before the first token: a gate then begins with the tokens
   * in `usage`.
   */
  readonly issued?: IssuedTokens;
  /** The thresholds of the quota that were reached. Absent from an older gate's row, and before the first one: none. */
  readonly quota_notices?: StoredQuotaNotices;
}

export interface StoredScopeHold extends Pick<ScopeHoldRequest, 'id' | 'scopes'> {
  /** When it ends by itself, milliseconds since the epoch. */
  readonly until: number;
}

/** The highest threshold of a limit, in percent, that was reached in a period. */
export interface QuotaThreshold {
  /** The period's beginning, milliseconds since the epoch. */
  readonly from: number;
  readonly limit: number;
  readonly threshold: number;
}

export type QuotaThresholds = { readonly [Period in QuotaPeriod]?: QuotaThreshold };

/** A threshold that was reached, of which D1 must still be told. */
export interface QuotaNotice extends QuotaThreshold {
  readonly period: QuotaPeriod;
  /** How many tokens were issued in the period until then. */
  readonly issued: number;
  readonly action: Quota['action'];
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface StoredQuotaNotices {
  /** The last one of each period. */
  readonly noted: QuotaThresholds;
  readonly owed: readonly QuotaNotice[];
}

/**
 * `refusals`, one row: the client's last refusals, as a JSON array of `NotedRefusal`. Code of an older version does not know the table and
 * leaves it as it is, even if it deletes the client. `at` is when it was written, milliseconds since the epoch.
 */
export type RefusalsRow = { readonly at: number; readonly json: string };

/** `spent_ids`: several used ids in one row, as a JSON array of `StoredSpentId`, and the latest `expires_at` of them. */
export type SpentIdsRow = { readonly row: number; readonly ids: string; readonly expires_at: number };

export type StoredSpentId = Omit<SpentId, 'issued_at'> | AnnouncedWindows;

/**
 * An entry among the ids of a row: the windows whose ids the gate uses without writing them, until it writes the next row. Older code
 * takes it for a used id, which no request ever has.
 */
export interface AnnouncedWindows {
  readonly id: 'windows';
  /** The latest of the windows' `expires_at`. */
  readonly expires_at: number;
  readonly windows: readonly ReplayWindow[];
}

/** A gate may have used, without writing them, the ids that were issued in this span. All times are in seconds since the epoch. */
export interface ReplayWindow {
  /** The span of `SpentId.issued_at`: its beginning, and its end, which is no part of it. */
  readonly from: number;
  readonly until: number;
  /** The latest `SpentId.expires_at` of such an id. */
  readonly expires_at: number;
}

/** `revocations`: a revoked token. Two more columns, `copy_at` and `attempts`, belong to an older version. */
export type RevocationRow = { readonly jti: string; readonly expires_at: number };

/** An entry of KV that a gate must still write. */
export type OwedCopy = {
  readonly store: 'kv';
  /** The entry's key. `store/revocation-copies.ts` builds it for the gate, and for the edge that reads it. */
  readonly key: string;
  /** The entry's value: empty, or a `ClientStatusCopy` as JSON. */
  readonly value: string;
  /** When the entry says nothing any more, seconds since the epoch. An entry that is not written by then is dropped. */
  readonly expires_at: number;
};

/** An audit event that a gate must still insert into D1. */
export type OwedEvent = {
  readonly store: 'd1';
  /** The event's id. */
  readonly key: string;
  /** A `GateAuditEvent` as JSON. */
  readonly value: string;
  readonly expires_at: null;
};

/**
 * What a gate owes to another store. Never add a third `store`: code of an older version delivers such a row to nobody and does not
 * postpone it either, so that the gate's alarm goes off without pause.
 */
export type Owed = OwedCopy | OwedEvent;

/** How the delivery of something owed goes. */
export type DeliveryProgress = {
  /** When it is next tried, milliseconds since the epoch. */
  readonly due_at: number;
  /** How many attempts failed in a row. */
  readonly attempts: number;
};

/** `outbox`: something owed, and how its delivery goes. */
export type OutboxRow = Owed & DeliveryProgress;

/**
 * `feed_outbox`: a revocation that a gate must still insert into D1 for the revocation feed. A table of its own, because of the note on
 * `Owed`. Code of an older version neither fills it nor delivers its rows; they stay due until a later version does.
 */
export type FeedOutboxRow = OwedRevocation & DeliveryProgress;

export type OwedRevocation = {
  readonly store: 'd1';
  /** `token` and the token's `jti`, or `client`. */
  readonly key: string;
  /** A `LiveRevocation` as JSON. */
  readonly value: string;
  /** When the revocation says nothing any more, seconds since the epoch. */
  readonly expires_at: number;
};

/** What the revocation feed says about a token or a client. A gate keeps a row of a kind that it does not know for a later version. */
export type LiveRevocation = RevokedToken | ClientState;

interface RevokedToken {
  readonly kind: 'token';
  readonly jti: string;
  readonly client_id: string;
  /** null if it is not known. */
  readonly audience: string | null;
  /** null if the gate does not know it. */
  readonly organization_id: string | null;
  /** The token's `exp`, seconds since the epoch. */
  readonly expires_at: number;
}

interface ClientState {
  readonly kind: 'client';
  readonly client_id: string;
  /** null if the gate does not know it. */
  readonly organization_id: string | null;
  readonly cut_off: number | null;
  readonly is_disabled: boolean;
  /** The version of the client's record or deletion: a later state has a greater one, or the same and a later cut-off. */
  readonly version: number;
  /** When every token that this is about has expired, seconds since the epoch. */
  readonly expires_at: number;
}

/** The copy in KV of a client's status and cut-off, as JSON. Written by the gate, read by the edge of any version. */
export interface ClientStatusCopy {
  /**
   * `disabled` also if its organization is, and if the client has expired. The edge treats any other value than `active` as disabled, such
   * as the `expiring` of an older gate, which refuses the client; earlier versions tested for `disabled` and treat any other value as
   * active.
   */
  readonly status: 'active' | 'disabled';
  /** All tokens issued up to the end of this second are revoked, seconds since the epoch; null for none. */
  readonly cut_off: number | null;
  /**
   * When the client ends, if tokens that were issued before live longer: seconds since the epoch. The edge treats the client as disabled
   * from then on. Absent, and from an older gate: none does. An older edge ignores it, and learns of the end by the copy that follows it.
   */
  readonly expires_at?: number;
}
