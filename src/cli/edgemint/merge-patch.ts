import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../../lib/json.ts';
import { applyMergePatch } from '../../lib/merge-patch.ts';

/**
 * The merge patch that makes one JSON object of another.
 * @returns undefined where none does: a merge patch can put no null into an object
 */
export function mergePatch(from: JsonObject, to: JsonObject): JsonObject | undefined {
  const patch = difference(from, to);
  return isDeepStrictEqual(applyMergePatch(from, patch), to) ? patch : undefined;
}

/** Whether a representation is what a patch of it would make it: null there means what nobody has set. */
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
    const before = Object.hasOwn(from, name) ? from[name] : undefined;
    if (isDeepStrictEqual(before, value)) continue;
    patch.set(name, isJsonObject(before) && isJsonObject(value) ? difference(before, value) : value);
  }
  return Object.fromEntries(patch);
}
