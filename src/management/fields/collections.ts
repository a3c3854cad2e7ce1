import { getOpenApiMetadata, type ZodOpenAPIMetadata } from '@asteasolutions/zod-to-openapi';
import { z } from '@hono/zod-openapi';
import { isPlainJson, plainJsonRule } from './plain-json.ts';

// Lists and maps that say in the OpenAPI document all that they check. Its generator knows no rule about the names of a record, the number
// of its members, or items that differ.

/** Returns the schema of an object whose members have names of the caller's choice. It has at most `max` members. */
export function namedValues<Value extends z.ZodType>(name: z.ZodString, value: Value, max: number) {
  return named(name, value)
    .refine((members) => Object.keys(members).length <= max, `must have at most ${max} members`)
    .openapi({ maxProperties: max });
}

/** Returns the schema of an object whose members have names of the caller's choice, without a limit of their number. */
export function named<Value extends z.ZodType>(name: z.ZodString, value: Value) {
  const { param: _, ...rules } = getOpenApiMetadata(name);
  // The type of metadata lacks this keyword, which is new in OpenAPI 3.1.
  return z.record(name, value).openapi({ propertyNames: { type: 'string', ...rules } } as Partial<ZodOpenAPIMetadata>);
}

/** Returns the schema of a list of at most `max` texts that differ. @param rule the error text, as a predicate */
export function distinct<Item extends z.ZodType<string>>(item: Item, max: number, rule: string) {
  return z
    .array(item)
    .max(max)
    .refine((items) => new Set(items).size === items.length, rule)
    .openapi({ uniqueItems: true });
}

/**
 * Adds to the schema of an object that every reader must take it for the same. This is checked first, because `z.record` drops a member
 * `__proto__`.
 */
export function plainJson<Schema extends z.ZodType>(schema: Schema, depthMax?: number, rule = plainJsonRule(depthMax)) {
  return z.preprocess((value, { addIssue }) => {
    if (!isPlainJson(value, depthMax)) addIssue(rule);
    return value;
  }, schema);
}
