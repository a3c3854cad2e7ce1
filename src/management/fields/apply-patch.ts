import type { z } from '@hono/zod-openapi';
import type { JsonObject } from '../../lib/json.ts';
import { applyMergePatch } from '../../lib/merge-patch.ts';
import { JSON_DEPTH_MAX } from '../constants.ts';
import { type FieldError, fieldErrors, invalidIn, pointer } from '../http/problem.ts';
import { isPlainJson } from './plain-json.ts';

/**
 * Applies a JSON merge patch ([RFC 7396 section 2](https://www.rfc-editor.org/rfc/rfc7396#section-2)) to what is shown of something.
 * @param fields what can be changed; the rest of what is shown may be in the patch as it is
 * @returns the fields as they are to be
 * @throws ProblemError `invalid`
 */
export function applyPatch<Fields extends z.ZodObject>(
  fields: Fields,
  shown: JsonObject,
  patch: JsonObject,
): z.infer<Fields> {
  const errors: FieldError[] = [];
  const wanted: [string, unknown][] = [];
  for (const [name, value] of Object.entries(patch)) {
    if (Object.hasOwn(fields.shape, name)) wanted.push([name, value]);
    else if (!Object.hasOwn(shown, name)) errors.push({ pointer: pointer(name), detail: 'There is no such field.' });
    else if (shown[name] !== value) errors.push({ pointer: pointer(name), detail: 'This cannot be changed.' });
  }
  if (!isPlainJson(patch, JSON_DEPTH_MAX + 1))
    errors.push({ pointer: '', detail: 'This nests too deeply, or has a member named __proto__.' });
  if (errors.length > 0) throw invalidIn(errors);

  const current = Object.keys(fields.shape).map((name) => [name, shown[name]]);
  const result = fields.safeParse(applyMergePatch(Object.fromEntries(current), Object.fromEntries(wanted)));
  if (!result.success) throw invalidIn(fieldErrors(result.error.issues));
  return result.data as z.infer<Fields>;
}

/** The fields that a change gives another value, with that value: what its audit event tells. */
export function changedFields(before: JsonObject, after: JsonObject): Record<string, unknown> {
  const changed = Object.entries(after).filter(
    ([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value),
  );
  return Object.fromEntries(changed);
}
