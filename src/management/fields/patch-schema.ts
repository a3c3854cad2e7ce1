import { z } from '@hono/zod-openapi';

/**
 * Returns the schema of a merge patch: every field is optional, and `null` resets it to its default.
 * @param overrides schemas of the fields whose patch differs from their value, such as objects that are merged
 */
export function patchOf<Shape extends z.ZodRawShape>(
  fields: z.ZodObject<Shape>,
  overrides: Partial<Record<keyof Shape, z.ZodType>> = {},
) {
  const optional = Object.entries(fields.shape).map(([name, schema]) => {
    const inner = schema instanceof z.ZodDefault ? schema.unwrap() : schema;
    return [name, ((overrides[name] ?? inner) as z.ZodType).nullable().optional()];
  });
  // Loose: `applyPatch` refuses other fields, and distinguishes unknown ones from those that cannot be changed.
  return z.looseObject(
    Object.fromEntries(optional) as Record<keyof Shape & string, z.ZodOptional<z.ZodNullable<z.ZodType>>>,
  );
}
