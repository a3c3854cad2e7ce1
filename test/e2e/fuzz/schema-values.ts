import type { ValidateFunction } from 'ajv/dist/2020.js';
import { matchingText } from './pattern.ts';
import type { Random } from './random-values.ts';

/** The keywords of JSON Schema that the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly readOnly?: boolean;
}

/** Returns a value for the field of a name that a plain random value would rarely hit, such as the id of something that exists. */
export type Hint = (name: string) => unknown;

/** Longest text and list that are made where the schema sets no limit, or a far one. */
const LENGTH_MAX = 1200;
const ITEMS_MAX = 25;

/** Makes values that a schema permits, and values that it forbids. */
export class SchemaValues {
  readonly #random: Random;
  readonly #resolve: (reference: string) => Schema;
  readonly #compile: (schema: Schema) => ValidateFunction;

  constructor(random: Random, resolve: (reference: string) => Schema, compile: (schema: Schema) => ValidateFunction) {
    this.#random = random;
    this.#resolve = resolve;
    this.#compile = compile;
  }

  /** Returns a value that the schema permits. */
  permitted(schema: Schema, hint: Hint, name = ''): unknown {
    const validate = this.#compile(schema);
    for (let attempt = 0; attempt < 200; attempt++) {
      const value = this.#value(schema, hint, name);
      if (validate(value)) return value;
    }
    throw new Error(`No value fits ${JSON.stringify(schema).slice(0, 500)}: ${JSON.stringify(validate.errors)}`);
  }

  /** Returns a value that differs from a permitted one in one place, where the schema forbids it; undefined if none was found. */
  forbidden(schema: Schema, permitted: unknown): { readonly value: unknown } | undefined {
    const validate = this.#compile(schema);
    for (let attempt = 0; attempt < 40; attempt++) {
      const value = this.#spoilt(schema, permitted);
      if (!validate(value)) return { value };
    }
    return undefined;
  }

  #value(schema: Schema, hint: Hint, name: string): unknown {
    const random = this.#random;
    const resolved = this.#resolved(schema);
    const hinted = random.chance(85) ? hint(name) : undefined;
    if (hinted !== undefined && hasType(resolved, hinted)) return hinted;
    const options = resolved.oneOf ?? resolved.anyOf;
    if (options) return this.#value(random.pick(options as [Schema, ...Schema[]]), hint, name);
    if (resolved.enum) return random.pick(resolved.enum as [unknown, ...unknown[]]);
    switch (this.#type(resolved)) {
      case 'null':
        return null;
      case 'boolean':
        return random.chance(50);
      case 'integer':
      case 'number':
        return this.#number(resolved);
      case 'string':
        return this.#text(resolved);
      case 'array':
        return this.#list(resolved, hint, name);
      case 'object':
        return this.#object(resolved, hint);
      default:
        return random.json();
    }
  }

  #type({ type }: Schema): string | undefined {
    if (typeof type !== 'object') return type;
    const [first = '', ...rest] = type;
    return this.#random.pick([first, ...rest]);
  }

  #number({ type, minimum = -1000, maximum = 1_000_000 }: Schema): number {
    const random = this.#random;
    const whole = random.pick([minimum, maximum, minimum + random.below(Math.min(maximum - minimum, 1e9) + 1)]);
    return type === 'number' && random.chance(30) && whole < maximum ? whole + 0.5 : whole;
  }

  #text({ format, pattern, minLength = 0, maxLength = 60 }: Schema): string {
    const random = this.#random;
    if (format === 'date-time') return random.dateTime();
    const max = Math.min(maxLength, LENGTH_MAX);
    if (pattern !== undefined) {
      for (let attempt = 0; attempt < 100; attempt++) {
        const made = matchingText(pattern, random, random.pick([1, 5, 30, max]));
        const length = [...made].length;
        if (length >= minLength && length <= maxLength) return made;
      }
    }
    if (format === 'uri')
      return `https://${random.text(3, 9).replace(/[^a-z]/g, 'x')}.example.com/${random.below(1000)}`;
    return random.text(minLength, max);
  }

  #list({ items = {}, minItems = 0, maxItems = ITEMS_MAX, uniqueItems }: Schema, hint: Hint, name: string): unknown[] {
    const random = this.#random;
    const most = Math.min(maxItems, ITEMS_MAX);
    const length = random.chance(4) ? most : Math.min(most, minItems + random.below(3));
    const made = Array.from({ length }, () => this.#value(items, hint, name));
    return uniqueItems ? [...new Map(made.map((item) => [JSON.stringify(item), item])).values()] : made;
  }

  #object(schema: Schema, hint: Hint): unknown {
    const random = this.#random;
    const { properties = {}, required = [], additionalProperties, propertyNames, maxProperties = ITEMS_MAX } = schema;
    const optional = Object.keys(properties).filter((key) => !required.includes(key));
    // With many of the fields, a value almost always breaks a rule between them.
    const percent = random.pick([0, 100 / Math.max(1, optional.length), 300 / Math.max(3, optional.length), 60]);
    const chosen = Object.entries(properties).filter(
      ([key, property]) =>
        required.includes(key) || (random.chance(percent) && !(property.readOnly && random.chance(90))),
    );
    const members = chosen.map(([key, property]) => [key, this.#value(property, hint, key)] as const);
    if (Object.keys(properties).length === 0 && typeof additionalProperties === 'object') {
      const count = random.chance(4) ? Math.min(maxProperties, ITEMS_MAX) : random.below(3);
      for (let index = 0; index < count; index++) {
        const key = propertyNames
          ? String(this.#value({ type: 'string', ...propertyNames }, () => undefined, ''))
          : random.text(1, 9);
        if (key !== '__proto__') members.push([key, this.#value(additionalProperties, hint, '')]);
      }
    }
    return Object.fromEntries(members);
  }

  /** Returns a copy that differs in one place. */
  #spoilt(schema: Schema, value: unknown): unknown {
    const random = this.#random;
    const resolved = this.#resolved(schema);
    const options = resolved.oneOf ?? resolved.anyOf;
    if (options) {
      const fitting = options.find((option) => this.#compile(option)(value)) ?? options[0] ?? {};
      return this.#spoilt(fitting, value);
    }
    if (Array.isArray(value) && value.length > 0 && random.chance(60)) {
      const at = random.below(value.length);
      return value.with(at, this.#spoilt(resolved.items ?? {}, value[at]));
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const entries = Object.entries(value);
      const at = random.below(Math.max(1, entries.length));
      const [key, member] = entries[at] ?? [];
      if (key !== undefined && random.chance(65)) {
        const { additionalProperties = {} } = resolved;
        const property =
          resolved.properties?.[key] ?? (typeof additionalProperties === 'object' ? additionalProperties : {});
        return { ...value, [key]: this.#spoilt(property, member) };
      }
      if (key !== undefined && random.chance(30)) return Object.fromEntries(entries.filter(([other]) => other !== key));
      if (random.chance(60)) return { ...value, [`${random.text(1, 5)}x`]: 1 };
    }
    return random.pick(this.#wrong(resolved, value) as [unknown, ...unknown[]]);
  }

  #wrong(schema: Schema, value: unknown): unknown[] {
    const others: unknown[] = [null, true, 7, 0.5, 'other', [], {}];
    const { minLength = 0, maxLength = 0, minimum = 0, maximum = 0, maxItems } = schema;
    if (typeof value === 'string')
      return [
        ...others,
        '',
        value.slice(0, Math.max(0, minLength - 1)),
        'x'.repeat(Math.min(maxLength, 20_000) + 1),
        `${value}\u0000`,
        ` ${value}`,
        `${value}\n`,
        '2026-02-30T00:00:00Z',
        '2026-01-31T24:00:00Z',
        '2026-01-31 12:00:00Z',
        '2026-01-31T12:00:00',
      ];
    if (typeof value === 'number') return [...others, minimum - 1, maximum + 1, value + 0.25, String(value)];
    if (Array.isArray(value)) {
      const longer =
        maxItems === undefined || maxItems > 200
          ? []
          : [Array.from({ length: maxItems + 1 }, (_, index) => value[0] ?? index)];
      return [...others, ...longer, [...value, value[0]]];
    }
    return others;
  }

  #resolved(schema: Schema): Schema {
    if (schema.$ref !== undefined) return this.#resolved({ ...this.#resolve(schema.$ref), ...omitReference(schema) });
    const { allOf, ...own } = schema;
    if (!allOf) return schema;
    const parts = [...allOf.map((part) => this.#resolved(part)), own];
    return {
      ...Object.assign({}, ...parts),
      properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
      required: parts.flatMap(({ required = [] }) => required),
    };
  }
}

/** Whether the type of a value is one that the schema names: a hint for the items of a list has the name of the list. */
function hasType({ type, enum: values }: Schema, value: unknown): boolean {
  if (values) return values.includes(value);
  return [type].flat().includes(Array.isArray(value) ? 'array' : typeof value) || type === undefined;
}

function omitReference({ $ref: _, ...schema }: Schema): Schema {
  return schema;
}
