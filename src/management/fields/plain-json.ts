import { JSON_DEPTH_MAX } from '../constants.ts';

/**
 * Whether every reader takes a parsed JSON value for the same: it has at most `depthMax` levels, well-formed Unicode, finite numbers, exact
 * integers ([RFC 8259 section 6](https://www.rfc-editor.org/rfc/rfc8259#section-6)) and no member named `__proto__`.
 */
export function isPlainJson(value: unknown, depthMax = JSON_DEPTH_MAX): boolean {
  // Level by level: recursion would overflow the stack for the deep values that this refuses.
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax || !level.every(isPlain)) return false;
    level = level.flatMap((item) => (isContainer(item) ? Object.values(item) : []));
  }
  return true;
}

/** The error text of a value that `isPlainJson` refuses. */
export function plainJsonRule(depthMax = JSON_DEPTH_MAX): string {
  return `must be JSON of at most ${depthMax} levels, with well-formed Unicode, exact integers and no member named __proto__`;
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number')
    return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
  return !isContainer(value) || Object.keys(value).every((name) => name !== '__proto__' && name.isWellFormed());
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
