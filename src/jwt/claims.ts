/** A fault in a JWT's times. */
export type TimeFault = 'malformed' | 'expired' | 'not_yet_valid' | 'lives_too_long';

export interface TimeRules {
  /** The longest lifetime, in seconds. A JWT with a later `exp` is refused. */
  readonly maxLifetime: number;
  /** How far its signer's clock may be off, in seconds. */
  readonly skew: number;
  /** Whether `iat` is required. */
  readonly needsIat?: boolean;
}

/**
 * Whether the value is a time in seconds since the epoch ([RFC 7519 section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)): a
 * number, neither negative nor too large to be exact.
 */
export function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/**
 * Checks `exp`, `nbf` and `iat` ([RFC 7519 section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)). Without an `iat`, the
 * lifetime counts from now, plus the skew.
 * @param now milliseconds since the epoch
 * @returns the fault, or undefined if there is none
 */
export function findTimeFault(
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
