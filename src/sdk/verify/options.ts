import type { JWK, JWTPayload } from 'jose';
import type { Client } from '../client/client-authentication.ts';
import type { SdkError } from '../lib/errors.ts';
import type { HttpOptions } from '../lib/http.ts';
import type { ServerMetadata } from '../lib/metadata.ts';
import type { BackgroundOptions } from '../lib/runtime.ts';
import type { VerificationError } from './verification-error.ts';

/** Options of `verifier`. Only `issuer` and `audience` are required. */
export interface VerifierOptions extends HttpOptions, BackgroundOptions {
  /** The issuer of the tokens, exactly as its metadata name it. */
  readonly issuer: string;
  /** The identifier of this API: the only `aud` of a token. */
  readonly audience: string;
  /** Accepts tokens that are for other APIs as well. Each of those APIs can then use a token here. Default: false. */
  readonly acceptForeignAudiences?: boolean | undefined;
  /**
   * The accepted values of `alg`, all with public keys. Default: ES256, RS256, EdDSA and the others of RFC 7518. A key is used with its own `alg`
   * only; one without `alg` with the first that fits, so RSA keys are for RS256 unless this list has another one first.
   */
  readonly algorithms?: readonly string[] | undefined;
  /** The accepted values of `typ`, with or without `application/`. Default: `['at+jwt']`. For a server without that type: `['JWT']`. */
  readonly types?: readonly string[] | undefined;
  /**
   * By how many seconds the clocks of the server and this machine may differ, 60 at most. Default: 5. The clock of this machine is corrected by
   * the `Date` of the server's answers, so it may be more wrong than that.
   */
  readonly clockTolerance?: number | undefined;
  /** The scopes that every token must have, as a list or separated by spaces. */
  readonly scope?: string | readonly string[] | undefined;
  /** The roles that every token must have. */
  readonly roles?: readonly string[] | undefined;
  /** The metadata of the server, for one that does not publish them. Default: they are discovered. */
  readonly metadata?: ServerMetadata | undefined;
  /** The keys of the server, which are then never fetched. Without them, keys are fetched again every 5 minutes or sooner. */
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
   * Returns the client's certificate of a request, such as from the header of a proxy: `(request) => request.headers.get('Client-Cert')`. The
   * proxy must remove that header from what clients send. Default: `certificate` of the call; in Workers, `request.cf.tlsClientAuth`.
   */
  readonly certificate?: ((request: ResourceRequest) => Certificate | null | undefined) | undefined;
  /** The origin and path under which clients reach the API, such as `https://orders.example/v2`, if a proxy changes them. */
  readonly baseUrl?: string | undefined;
  /** The URL of the API's metadata, which refusals name ([RFC 9728 section 5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)). */
  readonly resourceMetadata?: string | undefined;
  /** Is called with what happens, such as for metrics. It never gets a token, and what it throws is ignored. */
  readonly onEvent?: ((event: VerifierEvent) => void) | undefined;
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
   * advance: a secret of at least 32 characters that all processes of the API share, or several, of which the first makes nonces and all are
   * accepted; `true` for an API that is one process. Nonces change every 150 seconds and last for two to three times that. Default: false.
   */
  readonly nonces?: boolean | string | readonly string[] | undefined;
  /** Remembers the proofs that were used. Default: the memory of the process, which other processes do not see. */
  readonly replays?: ReplayStore | undefined;
}

/** A set of keys ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). */
export interface JsonWebKeySet {
  readonly keys: readonly JWK[];
}

/**
 * Remembers the DPoP proofs that were used, in a store that all processes of an API share. In Redis:
 * `use: async (id, expiresAt, now) => (await redis.set(id, '', { NX: true, PX: Math.ceil(expiresAt - now) })) === 'OK'`
 */
export interface ReplayStore {
  /**
   * Notes that a proof was used, in one step with the question whether it was used before. What it throws is answered with 503.
   * @param id of the proof: the thumbprint of its key, a space, and up to 256 characters that the client chose
   * @param expiresAt until when it must be remembered, milliseconds since the epoch by the clock of the issuer
   * @param now the time by that clock: a store with a clock of its own counts from here
   * @returns whether this is its first use
   */
  use(id: string, expiresAt: number, now: number): boolean | Promise<boolean>;
}

/** Tells whether a token was revoked before its end. */
export interface RevocationCheck {
  /** @param raw the token itself @throws SdkError, temporary, if it cannot be known */
  isRevoked(token: VerifiedToken, raw: string): boolean | Promise<boolean>;
}

/**
 * A certificate: its DER; its PEM, also as a URL encodes it (nginx, AWS); a header field of [RFC 9440](https://www.rfc-editor.org/rfc/rfc9440)
 * (`Client-Cert`); the DER in base64 (Traefik); `X-Forwarded-Client-Cert` of Envoy with one element; or its SHA-256 in hexadecimal or base64url.
 */
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
  /** The client that the token was issued to: `client_id`, or `azp` of servers that name it so. */
  readonly client_id: string;
  readonly sub: string | undefined;
  /** The client's organization. Only Edgemint says it. */
  readonly org_id: string | undefined;
  /** The members of `scope`, or of `scp` of servers that name it so. */
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly jti: string | undefined;
  /** When it was issued, seconds since the epoch. */
  readonly issued_at: number | undefined;
  /** When it expires, seconds since the epoch. */
  readonly expires_at: number;
  /** All claims, as they are in the token. */
  readonly claims: JWTPayload;
  /**
   * The nonce for the client's next proof, if it is another than that of this one: answer with it in the header `DPoP-Nonce`
   * ([RFC 9449 section 8.2](https://www.rfc-editor.org/rfc/rfc9449#section-8.2)).
   */
  readonly dpop_nonce?: string | undefined;
}

/** What happened in a verifier. */
export type VerifierEvent =
  /** The keys of the server were fetched. */
  | { readonly type: 'keys'; readonly count: number; readonly durationMs: number }
  /** The feed of revocations was fetched. `ageMs` says how long ago it was complete, and `entries` how much it lists. */
  | { readonly type: 'feed'; readonly entries: number; readonly ageMs: number; readonly durationMs: number }
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
