import { BACK_OFF_MAX_MS, BACK_OFF_MS, RETRY_AFTER_MAX } from './constants.ts';

/**
 * Returns the seconds that an answer asks to wait
 * ([RFC 9110 section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), at most `RETRY_AFTER_MAX`; undefined without a usable
 * header. A date counts from the answer's own `Date`, because the machine's clock may be wrong.
 * @param now milliseconds since the epoch, for an answer without `Date`
 */
export function retryAfterSeconds(headers: Headers, now: number): number | undefined {
  const value = headers.get('Retry-After')?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value), RETRY_AFTER_MAX);
  // `Date.parse` reads more than dates of HTTP, such as `-1`.
  const until = value.endsWith('GMT') ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(until)) return undefined;
  const from = Date.parse(headers.get('Date') ?? '');
  const seconds = Math.ceil((until - (Number.isNaN(from) ? now : from)) / 1000);
  return Math.min(Math.max(seconds, 0), RETRY_AFTER_MAX);
}

/**
 * Returns how long to wait before the next attempt, in milliseconds: what the server asked for and up to a quarter more, at least a second,
 * so that a fleet does not return in the same moment; otherwise an exponential back-off with jitter.
 * @param failures the failures before this one, without a success between them
 * @param retryAfter seconds
 */
export function nextAttemptMs(failures: number, retryAfter?: number): number {
  if (retryAfter !== undefined && retryAfter > 0)
    return (retryAfter + Math.random() * Math.max(1, retryAfter / 4)) * 1000;
  const longest = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** Math.min(failures, 20));
  return longest * (0.5 + Math.random() / 2);
}
