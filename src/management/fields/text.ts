import { z } from '@hono/zod-openapi';

interface Lengths {
  readonly min?: number;
  readonly max: number;
}

/**
 * Returns the schema of a text whose length is counted in Unicode code points, as JSON Schema counts `minLength` and `maxLength`; Zod's own
 * `min` and `max` count UTF-16 code units. Add a rule about its characters with `regex`, by an expression without flags and look-arounds:
 * then the document shows it as `pattern`.
 * @param base the text before these checks, for example normalized
 */
export function text({ min = 0, max }: Lengths, base = z.string()) {
  return base
    .refine((value) => isAtLeast(value, min), `Too small: expected string to have >=${min} characters`)
    .refine((value) => isAtMost(value, max), `Too big: expected string to have <=${max} characters`)
    .openapi({ ...(min > 0 && { minLength: min }), maxLength: max });
}

// A code point has one or two code units, so only texts near the limit need to be counted.
function isAtLeast(value: string, min: number): boolean {
  return value.length >= 2 * min || codePoints(value) >= min;
}

function isAtMost(value: string, max: number): boolean {
  return value.length <= max || (value.length <= 2 * max && codePoints(value) <= max);
}

function codePoints(value: string): number {
  return [...value].length;
}
