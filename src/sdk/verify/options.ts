import type { JWK, JWTPayload } from 'jose';
import type { Client } from '../client/client-authentication.ts';
import type { SdkError } from '../lib/errors.ts';
import type { HttpOptions } from '../lib/http.ts';
import type { ServerMetadata } from '../lib/metadata.ts';
import type { BackgroundOptions } from '../lib/runtime.ts';
import type { ReplayStore } from './replay.ts';
import type { VerificationError } from './verification-error.ts';

/** Options of `verifier`. Only `issuer` and `audience` are required. */
export interface VerifierOptions extends HttpOptions, BackgroundOptions {
  /** The issuer of the tokens, exactly as its metadata name it. */
  readonly issuer: string;
  /** The identifier of this API: the only `aud` of a token. */
  readonly audience: string;
  /** Accepts tokens that are for other APIs as well. Each of those APIs can then use a token here. Default: false. */
  readonly acceptForeignAudiences?: boolean | undefined;
  /** The accepted values of `alg`. Default: all asymmetric algorithms; the key must fit in any case. */
  readonly algorithms?: readonly string[] | undefined;
  /** The accepted values of `typ`. Default: `at+jwt` and `application/at+jwt`. For a server of another type, such as `['JWT']`. */
  readonly types?: readonly string[] | undefined;
  /** By how many seconds the clocks of the server and this machine may differ, 60 at most. Default: 5. */
  readonly clockTolerance?: number | undefined;
  /** The scopes that every token must have, as a list or separated by spaces. */
  readonly scope?: string | readonly string[] | undefined;
  /** The roles that every token must have. */
  readonly roles?: readonly string[] | undefined;
  /** The metadata of the server, for one that does not publish them. Default: they are discovered. */
  readonly metadata?: ServerMetadata | undefined;
  /** The keys of the server, which are then never fetched. */
  readonly jwks?: JsonWebKeySet | undefined;
  /**
   * How revoked tokens are recognized: not at all before they expire; by the feed of revocations that Edgemint publishes, without a call per
   * token; or by introspection ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)) of each token. Default: `none`.
   */
  readonly revocations?: 'none' | 'feed' | 'introspection' | undefined;
  /** The client that introspects, for `revocations: 'introspection'` and `onStaleFeed: 'introspect'`. */
  readonly introspection?: IntrospectionOptions | undefined;
  /** What happens to a token while the feed is too old: refuse it with 503, introspect it, or accept it. Default: `refuse`. */
  readonly onStaleFeed?: 'accept' | 'introspect' | 'refuse' | undefined;
  /** The age in seconds from which on the feed is too old. Default: 120. */
  readonly feedMaxAge?: number | undefined;
  /** How DPoP is treated ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)). By default bound tokens need their proof, and others pass. */
  readonly dpop?: DpopOptions | undefined;
  /**
   * Returns the client's certificate of a request: its DER, its PEM, or its thumbprint in base64url. For APIs behind a proxy that checks
   * certificates: it must remove the header from what clients send. Default: `certificate` of each call.
   */
  readonly certificate?: ((request: ResourceRequest) => Certificate | undefined) | undefined;
  /** The origin and path under which clients reach the API, such as `https://orders.example/v2`, if a proxy changes them. */
  readonly baseUrl?: string | undefined;
  /** The URL of the API's metadata, which refusals name ([RFC 9728 section 5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)). */
  readonly resourceMetadata?: string | undefined;
  /** Is called with what happens, such as for metrics. It never gets a token, and what it throws is ignored. */
  readonly onEvent?: ((event: VerifierEvent) => void) | undefined;
}

/** A set of keys ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). */
export interface JsonWebKeySet {
  readonly keys: readonly JWK[];
}

/** How tokens are introspected. */
export interface IntrospectionOptions {
  /** The client that the server permits to introspect tokens of this API. */
  readonly client: Client;
  /** For how many seconds an answer is used again: a revocation is seen that much later. Default: 5. */
  readonly cacheSeconds?: number | undefined;
}

/** How DPoP is treated. */
export interface DpopOptions {
  /** Refuses tokens that are not bound to a key. Default: false. */
  readonly required?: boolean | undefined;
  /** The accepted algorithms of proofs. */
  readonly algorithms?: readonly string[] | undefined;
  /**
   * Requires a nonce in each proof ([RFC 9449 section 9](https://www.rfc-editor.org/rfc/rfc9449#section-9)), so that none can be made in
   * advance: `true` for a process of its own, or a secret of at least 32 characters that all processes of the API share. Default: false.
   */
  readonly nonces?: boolean | string | undefined;
  /** Remembers the proofs that were used. Default: the memory of the process, which other processes do not see. */
  readonly replays?: ReplayStore | undefined;
}

/** A certificate: its DER, its PEM, or its SHA-256 thumbprint in base64url. */
export type Certificate = Uint8Array | string;

/** The members of a request that are read. A `Request` has them. */
export interface ResourceRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Pick<Headers, 'get'>;
}

/** What a token must have for one call, besides what the options of the verifier require. */
export interface Requirements {
  /** The scopes that the token must have, as a list or separated by spaces. */
  readonly scope?: string | readonly string[] | undefined;
  /** The roles that the token must have. */
  readonly roles?: readonly string[] | undefined;
}

/** Options of `verify` and `authenticate`. */
export interface VerifyOptions extends Requirements {
  /**
   * The client's certificate, as the TLS connection proved it ([RFC 8705 section 3](https://www.rfc-editor.org/rfc/rfc8705#section-3)).
   * `authenticate` takes that of the verifier's option `certificate` instead, if there is one.
   */
  readonly certificate?: Certificate | undefined;
}

/** A token that was verified. */
export interface VerifiedToken {
  /** The client that the token was issued to. */
  readonly client_id: string;
  readonly sub: string | undefined;
  /** The client's organization. Only Edgemint says it. */
  readonly org_id: string | undefined;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly jti: string | undefined;
  /** When it was issued, seconds since the epoch. */
  readonly issued_at: number | undefined;
  /** When it expires, seconds since the epoch. */
  readonly expires_at: number;
  /** All claims, as they are in the token. */
  readonly claims: JWTPayload;
}

/** What happened in a verifier. */
export type VerifierEvent =
  /** The keys of the server were fetched. */
  | { readonly type: 'keys'; readonly count: number; readonly durationMs: number }
  /** Something could not be fetched. What is known is used meanwhile, as far as the options permit. */
  | {
      readonly type: 'failure';
      readonly operation: 'keys' | 'feed' | 'introspection';
      readonly error: SdkError;
      readonly nextAttemptMs: number;
    }
  /** A token was refused, or could not be judged. */
  | { readonly type: 'refused'; readonly error: VerificationError };

/** Checks the access tokens of one API. */
export interface Verifier {
  /**
   * Verifies an access token that came by another way than an HTTP request. One that is bound to a DPoP key is refused: it needs its proof.
   * @throws VerificationError
   */
  verify(token: string, options?: VerifyOptions): Promise<VerifiedToken>;
  /**
   * Verifies the access token of a request, with the proof that it is the sender's
   * ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1),
   * [RFC 9449 section 7](https://www.rfc-editor.org/rfc/rfc9449#section-7)).
   * @throws VerificationError
   */
  authenticate(request: ResourceRequest, options?: VerifyOptions): Promise<VerifiedToken>;
}
