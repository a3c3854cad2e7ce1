import { isDeepStrictEqual } from 'node:util';

/** What a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)) makes of a value. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, applyMergePatch(result.get(name), value));
  }
  return Object.fromEntries(result);
}

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

export type JsonObject = Readonly<Record<string, unknown>>;

function difference(from: JsonObject, to: JsonObject): JsonObject {
  const removed = Object.keys(from).filter((name) => !Object.hasOwn(to, name));
  const patch = new Map<string, unknown>(removed.map((name) => [name, null]));
  for (const [name, value] of Object.entries(to)) {
    const before = Object.hasOwn(from, name) ? from[name] : undefined;
    if (isDeepStrictEqual(before, value)) continue;
    patch.set(name, isObject(before) && isObject(value) ? difference(before, value) : value);
  }
  return Object.fromEntries(patch);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
