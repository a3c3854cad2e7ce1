import { ClientAuthentication } from '../client/client-authentication.ts';
import { REQUEST_TIMEOUT_MS } from '../lib/constants.ts';
import { SdkError } from '../lib/errors.ts';
import { invalidOption, isObject, requestJson } from '../lib/http.ts';
import { discover, type ServerMetadata } from '../lib/metadata.ts';
import { nextAttemptMs, retryAfterSeconds } from '../lib/retry-after.ts';
import { isWorkerd } from '../lib/runtime.ts';
import { INTROSPECTION_AGE, INTROSPECTIONS_MAX, KEYS_REFRESH_MS } from './constants.ts';
import type { VerifiedToken, VerifierEvent, VerifierOptions } from './options.ts';
import type { RevocationCheck } from './revocations.ts';

/** What the server said of a token. */
interface Known {
  readonly isActive: boolean;
  /** Until when that is used again, by the monotonic clock in milliseconds. */
  readonly until: number;
}

/**
 * Asks the server whether a token is active ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)). An answer is used again for a few seconds, and
 * callers that ask about the same token at once share a request.
 */
export class Introspection implements RevocationCheck {
  readonly #options: VerifierOptions;
  readonly #notify: (event: VerifierEvent) => void;
  readonly #authentication: ClientAuthentication;
  readonly #ageMs: number;
  // In the order of their ends.
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<boolean>>();
  #metadata: { readonly value: ServerMetadata; readonly until: number } | undefined;
  #failure: { readonly error: SdkError; readonly count: number; readonly notBefore: number } | undefined;

  /** @throws SdkError `invalid_option` */
  constructor(options: VerifierOptions, notify: (event: VerifierEvent) => void) {
    const { client, cacheSeconds = INTROSPECTION_AGE } = options.introspection ?? {};
    if (!client) throw invalidOption('introspection.client is required.');
    if (!(cacheSeconds >= 0)) throw invalidOption('introspection.cacheSeconds must be 0 or more.');
    this.#options = options;
    this.#notify = notify;
    this.#authentication = new ClientAuthentication(client);
    this.#ageMs = cacheSeconds * 1000;
  }

  async isRevoked(_token: VerifiedToken, raw: string): Promise<boolean> {
    const known = this.#known.get(raw);
    if (known && performance.now() < known.until) return !known.isActive;
    // In workerd a request must not await the promise of another.
    if (isWorkerd()) return !(await this.#ask(raw));
    const asked = this.#asked.get(raw) ?? this.#ask(raw).finally(() => this.#asked.delete(raw));
    this.#asked.set(raw, asked);
    return !(await asked);
  }

  async #ask(raw: string): Promise<boolean> {
    const held = this.#failure;
    // A server that asked to wait is not asked earlier.
    if (held?.error.retryAfter !== undefined && performance.now() < held.notBefore) throw held.error;
    const askedAt = performance.now();
    try {
      const isActive = await this.#request(raw);
      this.#failure = undefined;
      this.#remember(raw, { isActive, until: askedAt + this.#ageMs });
      return isActive;
    } catch (cause) {
      const error =
        cause instanceof SdkError
          ? cause
          : new SdkError('internal', 'The introspection failed.', { isTemporary: true, cause });
      const count = (this.#failure?.count ?? 0) + 1;
      const nextMs = nextAttemptMs(count - 1, error.retryAfter);
      this.#failure = { error, count, notBefore: performance.now() + nextMs };
      this.#notify({ type: 'failure', operation: 'introspection', error, nextAttemptMs: nextMs });
      throw error;
    }
  }

  async #request(raw: string): Promise<boolean> {
    const { issuer, requestTimeoutMs: timeoutMs = REQUEST_TIMEOUT_MS } = this.#options;
    const metadata = await this.#currentMetadata();
    const { introspection_endpoint: url, token_endpoint: tokenEndpoint = url } = metadata;
    if (url === undefined || tokenEndpoint === undefined) {
      const message = `The metadata of ${issuer} have no introspection_endpoint.`;
      throw new SdkError('discovery_failed', message, { isTemporary: false });
    }
    const context = { issuer, metadata, tokenEndpoint, now: Date.now(), timeoutMs };
    const { form, headers } = await this.#authentication.authenticate(context);
    const { grant_type: _, ...credentials } = form;
    const body = new URLSearchParams({ token: raw, ...credentials }).toString();
    const init = {
      method: 'POST',
      headers: { Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
      body,
    };
    const answer = await requestJson(url, init, this.#options);
    const { status } = answer;
    if (status === 200 && isObject(answer.body) && typeof answer.body.active === 'boolean') return answer.body.active;
    const requestId = answer.headers.get('X-Request-Id') ?? undefined;
    const retryAfter = retryAfterSeconds(answer.headers, answer.receivedAt.wall);
    const isTemporary = status === 429 || status >= 500;
    throw new SdkError('introspection_failed', `${issuer} answered the introspection with ${status}.`, {
      status,
      requestId,
      isTemporary,
      retryAfter,
    });
  }

  async #currentMetadata(): Promise<ServerMetadata> {
    if (this.#options.metadata) return this.#options.metadata;
    if (this.#metadata && performance.now() < this.#metadata.until) return this.#metadata.value;
    try {
      const value = await discover(this.#options.issuer, this.#options);
      this.#metadata = { value, until: performance.now() + KEYS_REFRESH_MS.max };
      return value;
    } catch (error) {
      if (!this.#metadata) throw error;
      return this.#metadata.value;
    }
  }

  #remember(raw: string, known: Known): void {
    if (this.#ageMs === 0) return;
    this.#known.delete(raw);
    this.#known.set(raw, known);
    const now = performance.now();
    for (const [old, { until }] of this.#known) {
      if (until > now && this.#known.size <= INTROSPECTIONS_MAX) break;
      this.#known.delete(old);
    }
  }
}
