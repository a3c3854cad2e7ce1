import { getOpenApiMetadata, type ZodOpenAPIMetadata } from '@asteasolutions/zod-to-openapi';
import { z } from '@hono/zod-openapi';

/**
 * Returns the schema of a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)), derived from the fields of the resource,
 * so that the document says what `applyPatch` accepts: every field is optional, `null` resets a field that has a default, objects are
 * merged, and the fields that cannot be changed may be repeated.
 * @param fields the fields that can be changed
 * @param representation all fields of the resource
 */
export function patchOf(fields: z.ZodObject, representation: z.ZodObject) {
  const fixed = Object.entries(representation.shape).filter(([name]) => !Object.hasOwn(fields.shape, name));
  return z.strictObject({
    ...patchMembers(fields),
    ...Object.fromEntries(fixed.map(([name, schema]) => [name, fixedMember(schema as z.ZodType)] as const)),
  });
}

function patchMembers({ shape }: z.ZodObject): Record<string, z.ZodOptional<z.ZodType>> {
  return Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, patchMember(schema as z.ZodType)]));
}

function patchMember(schema: z.ZodType): z.ZodOptional<z.ZodType> {
  const patch = isRemovable(schema) ? mergedPatch(schema).nullable() : mergedPatch(schema);
  // The number of members is a rule about the result: a patch may remove some and add others.
  const { maxProperties, ...metadata } = getOpenApiMetadata(schema) as Partial<ZodOpenAPIMetadata>;
  return patch.optional().openapi(metadata);
}

function fixedMember(schema: z.ZodType): z.ZodOptional<z.ZodType> {
  return schema.optional().openapi({ readOnly: true });
}

/** Whether a member may be absent, so that removing it means its default. */
function isRemovable(schema: z.ZodType): boolean {
  return schema.safeParse(undefined).success;
}

function mergedPatch(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    return mergedPatch(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodNullable) return mergedPatch(schema.unwrap() as z.ZodType).nullable();
  // An object with a required member is replaced: a patch without this member would be right or wrong by what was there before.
  if (schema instanceof z.ZodObject)
    return Object.values(schema.shape).every((member) => isRemovable(member as z.ZodType))
      ? z.strictObject(patchMembers(schema))
      : schema;
  if (schema instanceof z.ZodRecord)
    return z.record(schema.keyType as z.ZodString, mergedPatch(schema.valueType as z.ZodType).nullable());
  // z.preprocess
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform)
    return z.pipe(schema.in, mergedPatch(schema.out as z.ZodType));
  return schema;
}
