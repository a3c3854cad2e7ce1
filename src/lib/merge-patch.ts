import { isJsonObject } from './json.ts';

/** Returns a value with a JSON merge patch applied ([RFC 7396 section 2](https://www.rfc-editor.org/rfc/rfc7396#section-2)). */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged = new Map(Object.entries(isJsonObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, applyMergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}
