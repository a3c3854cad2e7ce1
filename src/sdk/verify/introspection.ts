import { ClientAuthentication } from '../client/client-authentication.ts';
import { REQUEST_TIMEOUT_MS } from '../lib/constants.ts';
import { asSdkError, SdkError } from '../lib/errors.ts';
import { detailsOf, invalidOption, isObject, requestJson } from '../lib/http.ts';
import { secondsUntil } from '../lib/moment.ts';
import { nextAttemptMs } from '../lib/retry-after.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import {
  INTROSPECTION_AGE,
  INTROSPECTION_FAILURES,
  INTROSPECTION_PAUSE_MAX_MS,
  INTROSPECTIONS_MAX,
} from './constants.ts';
import type { Issuer } from './issuer.ts';
import type { RevocationCheck, VerifiedToken } from './options.ts';

/** What is known of one token. */
interface Question {
  readonly flight: SingleFlight;
  /** What the server said; undefined if it has not answered. */
  isActive: boolean | undefined;
  /** Until when that is used again, in monotonic milliseconds. */
  until: number;
  error: SdkError | undefined;
}

/**
 * Asks the server whether a token is active ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)). An answer is used again for a few seconds, and
 * callers that ask about the same token at once share a request.
 */
export class Introspection implements RevocationCheck {
  readonly #issuer: Issuer;
  readonly #authentication: ClientAuthentication;
  readonly #ageMs: number;
  /** By the signature of the token, in the order of the questions. */
  readonly #questions = new Map<string, Question>();
  #failures = 0;
  #failure: SdkError | undefined;
  /** No request is made before it, in monotonic milliseconds. */
  #notBefore = 0;

  /** @throws SdkError `invalid_option` */
  constructor(issuer: Issuer) {
    const { client, cacheSeconds = INTROSPECTION_AGE } = issuer.options.introspection ?? {};
    if (!client) throw invalidOption('introspection.client is required.');
    if (!(cacheSeconds >= 0)) throw invalidOption('introspection.cacheSeconds must be 0 or more.');
    this.#issuer = issuer;
    this.#authentication = new ClientAuthentication(client);
    this.#ageMs = cacheSeconds * 1000;
  }

  async isRevoked(_token: VerifiedToken, raw: string): Promise<boolean> {
    const question = this.#questionOf(raw);
    if (question.isActive === undefined || performance.now() >= question.until) {
      if (!question.flight.isUnderWay) question.isActive = undefined;
      await question.flight.join();
    }
    if (question.isActive === undefined) throw question.error ?? pausing(this.#failure, this.#notBefore);
    return !question.isActive;
  }

  #questionOf(raw: string): Question {
    // No other valid token has the same signature.
    const key = raw.slice(raw.lastIndexOf('.') + 1);
    const known = this.#questions.get(key);
    if (known) return known;
    const question: Question = {
      flight: new SingleFlight(() => this.#ask(question, raw)),
      isActive: undefined,
      until: 0,
      error: undefined,
    };
    this.#questions.set(key, question);
    const now = performance.now();
    for (const [old, { until, flight }] of this.#questions) {
      const isNeeded = flight.isUnderWay || old === key || now < until;
      if (isNeeded && this.#questions.size <= INTROSPECTIONS_MAX) break;
      this.#questions.delete(old);
    }
    return question;
  }

  /** Makes one request. It never rejects: its outcome is in the question. */
  async #ask(question: Question, raw: string): Promise<void> {
    const askedAt = performance.now();
    question.error = undefined;
    try {
      if (askedAt < this.#notBefore) throw pausing(this.#failure, this.#notBefore);
      question.isActive = await this.#request(raw);
      question.until = askedAt + this.#ageMs;
      this.#failures = 0;
      this.#notBefore = 0;
    } catch (cause) {
      question.error = this.#fail(cause, askedAt < this.#notBefore);
    }
  }

  #fail(cause: unknown, isPausing: boolean): SdkError {
    if (cause instanceof SdkError && isPausing) return cause;
    const error = asSdkError(cause);
    this.#failures++;
    this.#failure = error;
    const pauseMs = nextAttemptMs(this.#failures - 1, error.retryAfter);
    const isAsked = error.retryAfter !== undefined;
    const nextMs = isAsked ? pauseMs : Math.min(pauseMs, INTROSPECTION_PAUSE_MAX_MS);
    // One token that the server cannot judge must not stop all others.
    if (isAsked || this.#failures >= INTROSPECTION_FAILURES) this.#notBefore = performance.now() + nextMs;
    this.#issuer.notify({ type: 'failure', operation: 'introspection', error, nextAttemptMs: nextMs });
    return error;
  }

  async #request(raw: string): Promise<boolean> {
    const { options } = this.#issuer;
    const { issuer, requestTimeoutMs: timeoutMs = REQUEST_TIMEOUT_MS } = options;
    const metadata = await this.#issuer.metadata();
    const { introspection_endpoint: url, token_endpoint: tokenEndpoint = url } = metadata;
    if (url === undefined || tokenEndpoint === undefined) {
      const message = `The metadata of ${issuer} have no introspection_endpoint.`;
      throw new SdkError('discovery_failed', message, { isTemporary: false });
    }
    const context = { issuer, metadata, tokenEndpoint, now: this.#issuer.now(), timeoutMs };
    const { form, headers } = await this.#authentication.authenticate(context);
    const { grant_type: _, ...credentials } = form;
    const init = {
      method: 'POST',
      headers: { Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({ token: raw, ...credentials }).toString(),
    };
    const answer = await requestJson(url, init, options);
    this.#issuer.observe(answer);
    const { status, body } = answer;
    if (status === 200 && isObject(body) && typeof body.active === 'boolean') return body.active;
    const isTemporary = status === 429 || status >= 500;
    const details = { ...detailsOf(answer), isTemporary };
    throw new SdkError('introspection_failed', `${issuer} answered the introspection with ${status}.`, details);
  }
}

/** Returns the error of a request that is not made, because the server is given a pause. */
function pausing(failure: SdkError | undefined, notBefore: number): SdkError {
  const retryAfter = secondsUntil(notBefore);
  const message = failure?.message ?? 'The introspection failed.';
  return new SdkError('introspection_failed', message, { isTemporary: true, retryAfter, cause: failure });
}
