import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../../lib/json.ts';
import { applyMergePatch } from '../../lib/merge-patch.ts';

/**
 * Computes the merge patch that turns one JSON object into another.
 * @returns undefined if there is none: a merge patch cannot set null inside an object
 */
export function mergePatch(from: JsonObject, to: JsonObject): JsonObject | undefined {
  const patch = difference(from, to);
  return isDeepStrictEqual(applyMergePatch(from, patch), to) ? patch : undefined;
}

/** Whether applying a patch would not change a representation. In a representation null means unset. */
export function alreadyHas(representation: JsonObject, patch: JsonObject): boolean {
  return Object.entries(patch).every(([name, value]) => {
    const current = representation[name];
    return value === null ? current === null : isDeepStrictEqual(applyMergePatch(current, value), current);
  });
}

function difference(from: JsonObject, to: JsonObject): JsonObject {
  const removed = Object.keys(from).filter((name) => !Object.hasOwn(to, name));
  const patch = new Map<string, unknown>(removed.map((name) => [name, null]));
  for (const [name, value] of Object.entries(to)) {
    const previous = Object.hasOwn(from, name) ? from[name] : undefined;
    if (isDeepStrictEqual(previous, value)) continue;
    patch.set(name, isJsonObject(previous) && isJsonObject(value) ? difference(previous, value) : value);
  }
  return Object.fromEntries(patch);
}
