import { JSON_DEPTH_MAX } from '../constants.ts';

/**
 * Whether a parsed JSON value means the same to everybody who reads it: nested no deeper than `depthMax`, its text well-formed, its numbers
 * finite and its integers exact ([RFC 8259 section 6](https://www.rfc-editor.org/rfc/rfc8259#section-6)), none of its names `__proto__`.
 */
export function isPlainJson(value: unknown, depthMax = JSON_DEPTH_MAX): boolean {
  // Level by level, since what is too deep to read is too deep to recurse into.
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax || !level.every(isPlain)) return false;
    level = level.flatMap((item) => (isContainer(item) ? Object.values(item) : []));
  }
  return true;
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
