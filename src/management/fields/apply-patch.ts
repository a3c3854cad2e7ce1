import type { z } from '@hono/zod-openapi';
import type { JsonObject } from '../../lib/json.ts';
import { applyMergePatch } from '../../lib/merge-patch.ts';
import { JSON_DEPTH_MAX } from '../constants.ts';
import { type FieldError, fieldErrors, invalidIn, NO_SUCH_FIELD, pointer } from '../http/problem.ts';
import { plainJsonFault } from './plain-json.ts';

/**
 * Applies a JSON merge patch ([RFC 7396 section 2](https://www.rfc-editor.org/rfc/rfc7396#section-2)) to the representation of a resource.
 * @param fields the fields that can be changed; the patch may repeat the others with their current value
 * @param current the representation before the change
 * @param live the other fields that change by themselves: the patch may have any value that is one of theirs, which changes nothing
 * @returns the fields after the change. Only those that the patch changes are validated
 * @throws ProblemError `invalid`
 */
export function applyPatch<Fields extends z.ZodObject>(
  fields: Fields,
  current: JsonObject,
  patch: JsonObject,
  live?: z.ZodObject,
): z.infer<Fields> {
  const errors: FieldError[] = [];
  const changes: [string, unknown][] = [];
  for (const [name, value] of Object.entries(patch)) {
    if (Object.hasOwn(fields.shape, name)) changes.push([name, value]);
    else if (!Object.hasOwn(current, name)) errors.push({ pointer: pointer(name), detail: NO_SUCH_FIELD });
    else if (current[name] !== value && !live?.shape[name]?.safeParse(value).success)
      errors.push({ pointer: pointer(name), detail: `\`${name}\` cannot be changed. Leave it out.` });
  }
  // The patch object itself is one level around the fields.
  const fault = plainJsonFault(patch, JSON_DEPTH_MAX + 1);
  if (fault !== undefined) errors.push({ pointer: '', detail: `The body ${fault}.` });
  if (errors.length > 0) throw invalidIn(errors);

  const before = Object.fromEntries(Object.keys(fields.shape).map((name) => [name, current[name]]));
  const after = applyMergePatch(before, Object.fromEntries(changes)) as JsonObject;
  // Only the changed fields: older code may have stored in others what is not valid any more, which must not stand in the way.
  const names = Object.keys(changedFields(after, before));
  const changed = Object.fromEntries(names.flatMap((name) => (name in after ? [[name, after[name]]] : [])));
  const mask = Object.fromEntries(names.map((name) => [name, true]));
  const result = fields.pick(mask as never).safeParse(changed);
  if (!result.success) throw invalidIn(fieldErrors(result.error.issues));
  return { ...before, ...result.data } as z.infer<Fields>;
}

/** Returns the fields whose value differs, with the value after the change: the `changes` of its audit event. */
export function changedFields(before: JsonObject, after: JsonObject): Record<string, unknown> {
  const changed = Object.entries(after).filter(
    ([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value),
  );
  return Object.fromEntries(changed);
}
