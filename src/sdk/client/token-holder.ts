import { asSdkError, SdkError } from '../lib/errors.ts';
import { invalidOption } from '../lib/http.ts';
import { moment, sleep } from '../lib/moment.ts';
import { nextAttemptMs } from '../lib/retry-after.ts';
import { keepAlive } from '../lib/runtime.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import { AuthorizationServer, parametersOf } from './authorization-server.ts';
import { REFUSAL_HOLD_MAX_MS, REFUSAL_HOLD_MS, REPLACEMENT_INTERVAL_MS, WAIT_MS } from './constants.ts';
import { HeldToken, type Standing, type Token } from './held-token.ts';
import type { TokenOptions, TokenSourceEvent, TokenSourceOptions } from './options.ts';
import { Patience } from './patience.ts';
import { firstRenewal, nextRenewal } from './renewal.ts';
import { SharedTokens } from './shared-tokens.ts';
import type { IssuedToken } from './token-request.ts';

/** How often a call asks for a token and gets one that it cannot use, before it gives up. */
const FRUITLESS_ATTEMPTS_MAX = 3;

interface Failure {
  readonly error: SdkError;
  /** The failures since the last token, this one included. */
  readonly count: number;
  /** No attempt is made before it, in monotonic milliseconds. */
  readonly notBefore: number;
}

/** Holds the current token of a source, and decides when to get the next one. */
export class TokenHolder {
  readonly options: TokenSourceOptions;
  readonly server: AuthorizationServer;
  readonly #shared: SharedTokens | undefined;
  readonly #flight = new SingleFlight(() => this.#attempt());
  #held: HeldToken | undefined;
  #failure: Failure | undefined;
  /** The last token that an API refused, and when that was, in monotonic milliseconds. */
  #refused: { readonly accessToken: string; readonly at: number } | undefined;

  /** @throws SdkError `invalid_option` */
  constructor(options: TokenSourceOptions) {
    this.options = options;
    this.server = new AuthorizationServer(options, () => this.#judge());
    const { store, issuer, client, dpop } = options;
    if (!store) return;
    // Otherwise two workloads could take each other's tokens.
    if (client.id === undefined) throw invalidOption('With a shared store, client.id is required.');
    if (dpop === true) throw invalidOption('With a shared store, dpop must be a key that all processes have.');
    const identity = [issuer, client.id, ...parametersOf(options)];
    this.#shared = new SharedTokens(store, identity, this.server, (event) => this.notify(event));
  }

  /** As `TokenSource.token`. */
  token(options?: TokenOptions): Promise<Token> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    const held = this.#held;
    if (held && held.token.access_token !== options?.replaces) {
      const standing = held.standing(performance.now(), Date.now());
      if (standing === 'due') this.#renewInBackground();
      if (standing === 'valid' || standing === 'due') return Promise.resolve(held.token);
    }
    return this.#wait(options ?? {});
  }

  /** Gets a token in place of one that an API refused, if that is the current one. */
  replaceInBackground({ access_token }: Token): void {
    keepAlive(
      this.token({ replaces: access_token }).catch(() => undefined),
      this.options,
    );
  }

  /** Calls the hook of the options. */
  notify(event: TokenSourceEvent): void {
    try {
      this.options.onEvent?.(event);
    } catch {
      // A broken hook must not cost anybody a token.
    }
  }

  async #wait(options: TokenOptions): Promise<Token> {
    if (options.replaces !== undefined) this.#noteRefusal(options.replaces);
    const waitMs = options.waitMs ?? this.options.waitMs ?? WAIT_MS;
    const deadline = performance.now() + waitMs;
    const patience = new Patience(waitMs, options.signal);
    try {
      for (let fruitless = 0; fruitless <= FRUITLESS_ATTEMPTS_MAX; ) {
        patience.signal.throwIfAborted();
        const standing = this.#standing(options);
        const failure = this.#failure;
        const pause = failure ? failure.notBefore - performance.now() : 0;
        // In doubt the server is asked at once, because a back-off may have passed as well; but never before it wants to be asked.
        const isHeldBack = pause > 0 && failure?.error.retryAfter !== undefined;
        const isUsable = standing === 'valid' || standing === 'due' || (standing === 'doubtful' && isHeldBack);
        if (isUsable && this.#held) return this.#held.token;
        if (!failure || pause <= 0 || standing === 'doubtful') {
          await this.#flight.join(patience.signal);
          if (!this.#failure) fruitless++;
        } else if (!failure.error.isTemporary || failure.notBefore > deadline) throw repeated(failure);
        else await sleep(pause, patience.signal);
      }
      const message = 'The server issues tokens that expire at once, or the one that was refused.';
      throw new SdkError('invalid_answer', message, { isTemporary: false });
    } catch (error) {
      if (!patience.isOver) throw error;
      if (this.#failure) throw repeated(this.#failure);
      throw new SdkError('timeout', `There was no token within ${waitMs} ms.`, { isTemporary: true });
    } finally {
      patience.end();
    }
  }

  /** How the current token stands for a call; a refused one counts as expired. */
  #standing({ replaces }: TokenOptions): Standing {
    const held = this.#held;
    if (!held || held.token.access_token === replaces) return 'expired';
    return held.standing(performance.now(), Date.now());
  }

  /** @throws SdkError `replaced_recently` if the token itself replaced a refused one a moment ago: a third would be refused too */
  #noteRefusal(accessToken: string): void {
    const isCurrent = accessToken === this.#held?.token.access_token;
    if (!isCurrent || accessToken === this.#refused?.accessToken) return;
    const now = performance.now();
    const wait = this.#refused ? this.#refused.at + REPLACEMENT_INTERVAL_MS - now : 0;
    if (wait > 0) {
      const message =
        'The token has just replaced one that was refused as well. Check what the API requires of tokens.';
      throw new SdkError('replaced_recently', message, { isTemporary: true, retryAfter: Math.ceil(wait / 1000) });
    }
    this.#refused = { accessToken, at: now };
  }

  #renewInBackground(): void {
    if (this.#flight.isUnderWay || (this.#failure && this.#failure.notBefore > performance.now())) return;
    keepAlive(this.#flight.start(), this.options);
  }

  /** Makes one attempt. It never rejects: its outcome is in `#held` or `#failure`. */
  async #attempt(): Promise<void> {
    const start = performance.now();
    try {
      const obtained = this.#shared
        ? await this.#shared.obtain((token) => this.#accepts(token))
        : await this.server.requestToken();
      const isIssued = 'answer' in obtained;
      this.#held = isIssued ? this.#hold(obtained) : obtained;
      this.#failure = undefined;
      const requestId = isIssued ? (obtained.answer.headers.get('X-Request-Id') ?? undefined) : undefined;
      const now = performance.now();
      const expiresIn = Math.round(this.#held.leftMs(now) / 1000);
      const origin = isIssued ? 'server' : 'store';
      this.notify({ type: 'token', origin, durationMs: now - start, expiresIn, requestId });
    } catch (error) {
      this.#fail(error, start);
    }
  }

  #hold({ token, lifetimeMs, answer }: IssuedToken): HeldToken {
    // Alone, and at a moment that it drew itself, the source stays out of step with others.
    const isPlanned = this.#held?.standing(performance.now(), Date.now()) === 'due' && !this.#failure;
    const share = isPlanned || this.#shared ? nextRenewal() : firstRenewal();
    // The lifetime began after the request was sent.
    return new HeldToken(token, lifetimeMs, lifetimeMs, share * lifetimeMs, answer.sentAt);
  }

  /** Whether a token of the store is newer than the current one. */
  #accepts({ access_token, expires_at }: Token): boolean {
    return access_token !== this.#refused?.accessToken && expires_at > (this.#held?.token.expires_at ?? 0);
  }

  #fail(cause: unknown, start: number): void {
    const error = asSdkError(cause);
    const now = moment();
    // The server was asked in doubt, and did not even show its time.
    if (this.#held?.standing(now.monotonic, now.wall) === 'doubtful') this.#held.trustMonotonic(now);
    const { monotonic, wall } = now;
    const count = (this.#failure?.count ?? 0) + 1;
    const nextMs = error.isTemporary
      ? nextAttemptMs(count - 1, error.retryAfter)
      : refusalHoldMs(count, error.retryAfter);
    this.#failure = { error, count, notBefore: monotonic + nextMs };
    const hasToken = this.#held !== undefined && this.#held.standing(monotonic, wall) !== 'expired';
    this.notify({ type: 'failure', error, durationMs: monotonic - start, nextAttemptMs: nextMs, hasToken });
  }

  /** Judges the current token by the clock of the server if the two clocks of the machine disagree. */
  #judge(): void {
    const now = moment();
    const latest = this.server.clock.latest(now);
    if (latest === undefined || this.#held?.standing(now.monotonic, now.wall) !== 'doubtful') return;
    this.#held.judge(latest, now);
  }
}

function refusalHoldMs(count: number, retryAfter = 0): number {
  const hold = Math.min(REFUSAL_HOLD_MAX_MS, REFUSAL_HOLD_MS * 2 ** Math.min(count - 1, 20));
  return Math.max(hold * (1 + Math.random() / 4), retryAfter * 1000);
}

/** Returns the error of a failure for another caller. */
function repeated({ error, notBefore }: Failure): SdkError {
  const { code, message, status, requestId, isTemporary } = error;
  const retryAfter = Math.max(0, Math.ceil((notBefore - performance.now()) / 1000));
  return new SdkError(code, message, { status, requestId, isTemporary, retryAfter, cause: error.cause });
}
