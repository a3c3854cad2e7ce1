/** What is wrong with a JWT's times. */
export type TimeFault = 'malformed' | 'expired' | 'not_yet_valid' | 'lives_too_long';

export interface TimeRules {
  /** How long it may be good for, in seconds: whatever its `exp` says, it is not taken for longer. */
  readonly maxLifetime: number;
  /** How many seconds its signer's clock may be off. */
  readonly skew: number;
  /** Whether it must say when it was issued. */
  readonly needsIat?: boolean;
}

/** Whether the value is a time in seconds since the epoch ([RFC 7519 section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)): no text, and neither negative nor beyond what is exact. */
export function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/**
 * Checks `exp`, `nbf` and `iat` ([RFC 7519 section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)). Without an `iat` what counts
 * of the lifetime is what is left of it.
 * @param now milliseconds since the epoch
 * @returns what is wrong, or undefined
 */
export function timeFault(
  { exp, nbf, iat }: Readonly<Record<string, unknown>>,
  now: number,
  { maxLifetime, skew, needsIat = false }: TimeRules,
): TimeFault | undefined {
  if (!isNumericDate(exp) || !isTimeOrAbsent(nbf) || !isTimeOrAbsent(iat)) return 'malformed';
  if (needsIat && iat === undefined) return 'malformed';
  const seconds = now / 1000;
  if (exp + skew <= seconds) return 'expired';
  if (Math.max(nbf ?? 0, iat ?? 0) > seconds + skew) return 'not_yet_valid';
  return exp - (iat ?? seconds + skew) > maxLifetime ? 'lives_too_long' : undefined;
}

function isTimeOrAbsent(value: unknown): value is number | undefined {
  return value === undefined || isNumericDate(value);
}
