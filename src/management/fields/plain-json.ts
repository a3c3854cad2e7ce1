import { JSON_DEPTH_MAX } from '../constants.ts';

/**
 * Whether every reader takes a parsed JSON value for the same: it has at most `depthMax` levels, well-formed Unicode, finite numbers, exact
 * integers ([RFC 8259 section 6](https://www.rfc-editor.org/rfc/rfc8259#section-6)) and no member named `__proto__`.
 */
export function isPlainJson(value: unknown, depthMax = JSON_DEPTH_MAX): boolean {
  return plainJsonFault(value, depthMax) === undefined;
}

/** Returns why `isPlainJson` refuses a value, as a predicate whose subject is the value; undefined if it does not. */
export function plainJsonFault(value: unknown, depthMax = JSON_DEPTH_MAX): string | undefined {
  // Level by level: recursion would overflow the stack for the deep values that this refuses.
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) return `nests deeper than ${depthMax} levels`;
    for (const item of level) {
      const fault = ownFault(item);
      if (fault !== undefined) return fault;
    }
    level = level.flatMap((item) => (isContainer(item) ? Object.values(item) : []));
  }
  return undefined;
}

/** The error text of a value that `isPlainJson` refuses. */
export function plainJsonRule(depthMax = JSON_DEPTH_MAX): string {
  return `must be JSON of at most ${depthMax} levels, with well-formed Unicode, exact integers and no member named __proto__`;
}

// The fault of a value itself, without its items.
function ownFault(value: unknown): string | undefined {
  const texts = isContainer(value) ? Object.keys(value) : typeof value === 'string' ? [value] : [];
  if (!texts.every((text) => text.isWellFormed())) return 'has a text that is not well-formed Unicode';
  if (isContainer(value) && texts.includes('__proto__')) return 'has a member named `__proto__`';
  // A double beyond this is an integer that is not exact, or infinite.
  if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER))
    return `has a number beyond ±${Number.MAX_SAFE_INTEGER}, which is not exact`;
  return undefined;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
