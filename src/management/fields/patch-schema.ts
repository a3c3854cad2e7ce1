import { z } from '@hono/zod-openapi';

/** The schema of a merge patch: every field may be left out, and `null` sets it back to its default. */
export function patchOf<Shape extends z.ZodRawShape>(
  fields: z.ZodObject<Shape>,
  others: Partial<Record<keyof Shape, z.ZodType>> = {},
) {
  const optional = Object.entries(fields.shape).map(([name, schema]) => {
    const given = schema instanceof z.ZodDefault ? schema.unwrap() : schema;
    return [name, ((others[name] ?? given) as z.ZodType).nullable().optional()];
  });
  // Loose: what it does not know is told apart from what cannot be changed when it is applied.
  return z.looseObject(
    Object.fromEntries(optional) as Record<keyof Shape & string, z.ZodOptional<z.ZodNullable<z.ZodType>>>,
  );
}
