import type { JWK } from 'jose';
import type { SdkError } from '../lib/errors.ts';
import type { HttpOptions } from '../lib/http.ts';
import type { ServerMetadata } from '../lib/metadata.ts';
import type { Client } from './client-authentication.ts';
import type { KeyPair } from './dpop.ts';
import type { Token } from './held-token.ts';
import type { TokenStore } from './store.ts';

/** Options of `tokenSource`. Only `issuer` and `client` are required. */
export interface TokenSourceOptions extends HttpOptions {
  /** The issuer of the server, exactly as its metadata name it. */
  readonly issuer: string;
  /** How the client proves who it is. */
  readonly client: Client;
  /** The API that the token is for, as a URI ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707)). */
  readonly resource?: string | readonly string[] | undefined;
  /** The API that the token is for, for servers that call it `audience`. */
  readonly audience?: string | undefined;
  /** The scopes, as a list or separated by spaces. Default: the server decides. */
  readonly scope?: string | readonly string[] | undefined;
  /** Further parameters of the token request, such as `claims`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /**
   * Binds tokens to a key ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)): `true` makes a key for this source. With a shared store, give a
   * private JWK or a pair of keys that all processes have.
   */
  readonly dpop?: boolean | KeyPair | JWK | undefined;
  /** Shares one token between processes. */
  readonly store?: TokenStore | undefined;
  /** Is called with what happens, such as for metrics. It never gets a token or credential, and what it throws is ignored. */
  readonly onEvent?: ((event: TokenSourceEvent) => void) | undefined;
  /** The metadata of the server, for one that does not publish them. Default: they are discovered. */
  readonly metadata?: ServerMetadata | undefined;
  /** Milliseconds that a call waits for a token, through all attempts. Default: 30,000. */
  readonly waitMs?: number | undefined;
  /** The lifetime of tokens whose answer does not say it, in seconds. Default: 300. */
  readonly defaultLifetime?: number | undefined;
  /** Keeps a Worker alive while a token is renewed. Default in Workers: `waitUntil` of `cloudflare:workers`. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** Options of one call of `token`. */
export interface TokenOptions {
  /** Ends this call. The request goes on for other callers. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that this call waits. Default: the source's `waitMs`. */
  readonly waitMs?: number | undefined;
  /** An access token that an API refused: the call returns another one. */
  readonly replaces?: string | undefined;
}

/** What happened in a token source. Times are milliseconds. */
export type TokenSourceEvent =
  /** A token was requested, or found in the shared store. */
  | {
      readonly type: 'token';
      readonly origin: 'server' | 'store';
      readonly durationMs: number;
      /** What the token has left, in seconds. */
      readonly expiresIn: number;
      readonly requestId: string | undefined;
    }
  /** An attempt failed. `hasToken` says whether the source still has a token that works. */
  | {
      readonly type: 'failure';
      readonly error: SdkError;
      readonly durationMs: number;
      readonly nextAttemptMs: number;
      readonly hasToken: boolean;
    }
  /** An API answered 401 `invalid_token`. */
  | { readonly type: 'refused'; readonly url: string }
  /** The shared store failed. The source continues without it. */
  | {
      readonly type: 'store_failure';
      readonly operation: 'get' | 'set' | 'acquire' | 'release';
      readonly error: unknown;
    };

/** Gets tokens for one client, and keeps the current one. */
export interface TokenSource {
  /**
   * Returns a token that has not expired. It comes from memory if there is one; all callers share the request for the next one.
   * @throws SdkError, or the reason of the signal
   */
  token(options?: TokenOptions): Promise<Token>;
  /**
   * Sends a request with a token, and with a DPoP proof if the token is bound. If the API answers 401 `invalid_token`, it sends the request once
   * more with a new token, unless the body is a stream.
   * @throws SdkError without a token, or what `fetch` throws
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}
