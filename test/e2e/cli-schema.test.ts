import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { SCHEMAS, SECTIONS } from '../../src/cli/edgemint/declaration/schema.ts';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';

let edgemint: RunningEdgemint;

beforeAll(async () => {
  edgemint = await startEdgemint();
});

afterAll(() => edgemint?.stop());

type Schema = Record<string, unknown>;

const COMPONENTS = { resource_servers: 'NewResourceServer', roles: 'NewRole', clients: 'NewClient' } as const;
/** What a creation may say and a file does not: whose it is, and the credentials of a client from elsewhere. */
const NOT_IN_A_FILE = ['organization_id', 'client_id', 'client_secret'];
const CONSTRAINTS =
  'default enum minimum maximum minLength maxLength minItems maxItems items properties required'.split(' ');

/** What a schema demands, without what it tells people, its references followed. */
function demands(schema: unknown, components: Record<string, Schema>): unknown {
  const { $ref, allOf, anyOf, ...own } = Object(schema);
  const referred = typeof $ref === 'string' ? components[$ref.split('/').at(-1) ?? ''] : undefined;
  const parts: Schema[] = [referred, ...(allOf ?? []), ...(anyOf ?? []), own].filter(Boolean);
  const merged: Schema = Object.assign(
    {},
    ...parts.map((part) => (part === own ? own : Object(demands(part, components)))),
  );
  return Object.fromEntries(
    Object.entries(merged)
      .filter(([name]) => CONSTRAINTS.includes(name))
      .map(([name, value]) => {
        if (name === 'items') return [name, demands(value, components)];
        if (name !== 'properties') return [name, Array.isArray(value) ? [...value].sort() : value];
        const properties = Object.entries(Object(value)).map(([key, member]) => [key, demands(member, components)]);
        return [name, Object.fromEntries(properties)];
      }),
  );
}

test.each(SECTIONS)('a file says of %s what the API takes: the same fields, bounds and defaults', async (section) => {
  const response = await fetch(`${edgemint.issuer}/openapi.json`);
  const { components } = (await response.json()) as { components: { schemas: Record<string, Schema> } };
  const api = demands(components.schemas[COMPONENTS[section]], components.schemas) as { properties: Schema };
  const ours = demands(z.toJSONSchema(SCHEMAS[section], { io: 'input', unrepresentable: 'any' }), {}) as {
    properties: Schema;
  };
  const fields = Object.entries(api.properties).filter(([name]) => !NOT_IN_A_FILE.includes(name));
  // The document says of claims only that they are an object.
  const apart = section === 'clients' ? { claims: expect.anything() } : {};
  expect(ours.properties).toEqual({ ...Object.fromEntries(fields), ...apart });
});
