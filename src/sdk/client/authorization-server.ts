import { REQUEST_TIMEOUT_MS } from '../lib/constants.ts';
import { SdkError } from '../lib/errors.ts';
import { type Answer, requireSafeUrl } from '../lib/http.ts';
import { MetadataCache } from '../lib/metadata-cache.ts';
import { ServerClock } from '../lib/server-clock.ts';
import { ClientAuthentication } from './client-authentication.ts';
import { DEFAULT_LIFETIME } from './constants.ts';
import { DpopProver } from './dpop.ts';
import type { TokenSourceOptions } from './options.ts';
import { type IssuedToken, requestToken } from './token-request.ts';

/** The authorization server, as one client sees it. */
export class AuthorizationServer {
  readonly clock = new ServerClock();
  readonly prover: DpopProver | undefined;
  readonly #options: TokenSourceOptions;
  readonly #authentication: ClientAuthentication;
  readonly #onTime: () => void;
  readonly #metadata: MetadataCache;

  /** @param onTime is called when an answer has shown the server's time. @throws SdkError `invalid_option` */
  constructor(options: TokenSourceOptions, onTime: () => void) {
    this.#metadata = new MetadataCache(options, (answer) => this.#observe(answer));
    const endpoint = options.metadata?.token_endpoint;
    if (endpoint !== undefined) requireSafeUrl(endpoint, 'metadata.token_endpoint', options);
    this.#options = options;
    this.#onTime = onTime;
    this.#authentication = new ClientAuthentication(options.client);
    if (options.dpop !== undefined && options.dpop !== false) this.prover = new DpopProver(options.dpop);
  }

  /** Requests a token. @throws SdkError */
  async requestToken(): Promise<IssuedToken> {
    const {
      issuer,
      requestTimeoutMs: timeoutMs = REQUEST_TIMEOUT_MS,
      defaultLifetime = DEFAULT_LIFETIME,
    } = this.#options;
    const request = {
      issuer,
      metadata: await this.#metadata.current(),
      authentication: this.#authentication,
      parameters: parametersOf(this.#options),
      prover: this.prover,
      clock: this.clock,
      http: this.#options,
      timeoutMs,
      defaultLifetime,
      onAnswer: (answer: Answer) => this.#observe(answer),
    };
    try {
      return await requestToken(request);
    } catch (error) {
      // The endpoint may have moved.
      const isGone = error instanceof SdkError && (error.status === 404 || error.status === 405);
      if (isGone) this.#metadata.expire();
      throw error;
    }
  }

  /** Returns the latest time that it may be at the server, in milliseconds since the epoch; undefined if it cannot be had. */
  async latestTime(): Promise<number | undefined> {
    // The metadata are needed anyway if the time is not known yet.
    if (this.clock.latest() === undefined) await this.#metadata.current().catch(() => undefined);
    return this.clock.latest();
  }

  #observe({ headers, sentAt, receivedAt }: Answer): void {
    if (this.clock.observe(headers, sentAt, receivedAt)) this.#onTime();
  }
}

/** Returns the parameters that say which token is requested. */
export function parametersOf({ resource, audience, scope, parameters }: TokenSourceOptions): [string, string][] {
  const resources = resource === undefined ? [] : [resource].flat();
  const scopes = scope === undefined ? [] : [scope].flat();
  return [
    ...resources.map((uri): [string, string] => ['resource', uri]),
    ...Object.entries({
      ...(audience !== undefined && { audience }),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      ...parameters,
    }),
  ];
}
