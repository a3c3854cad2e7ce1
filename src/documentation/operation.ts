import { PATH_IDS, REQUESTS } from './management-examples.ts';
import { CLIENT_ID } from './oauth/examples.ts';

/** The parts of an OpenAPI operation that this folder completes. */
export interface Operation {
  operationId?: string;
  readonly parameters?: unknown[];
  readonly requestBody?: unknown;
  responses?: Record<string, { description?: string; headers?: object; content?: Record<string, object> }>;
}

interface Parameter {
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean;
  readonly schema?: { example?: unknown };
}

/** Adds an example to each parameter of a path that has none, for tools that send what the document shows. */
export function addPathExamples(path: string, operation: Operation): void {
  for (const parameter of (operation.parameters ?? []) as Parameter[]) {
    const { name, schema } = parameter;
    if (parameter.in !== 'path' || !schema) continue;
    const [collection = ''] = /[^/]+(?=\/\{id\})/.exec(path) ?? [];
    const example = name === 'client_id' ? CLIENT_ID : PATH_IDS[collection];
    if (example !== undefined) schema.example ??= example;
  }
}

/** Adds the example body of a management operation. */
export function addRequestExample(operation: Operation): void {
  const example = Object.entries(REQUESTS).find(([name]) => name === operation.operationId)?.[1];
  const { content = {} } = (operation.requestBody ?? {}) as { content?: Record<string, { example?: unknown }> };
  if (example !== undefined) for (const media of Object.values(content)) media.example = example;
}

/** The header that every answer has. */
export const REQUEST_ID = {
  description: 'The id of the request in the log of the service.',
  schema: { type: 'string' as const, format: 'uuid' },
};

/** Adds the `X-Request-Id` header to every answer of an operation. */
export function addRequestIdHeader({ responses = {} }: Operation): void {
  const header = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };
  for (const response of Object.values(responses)) response.headers = { ...response.headers, ...header };
}

/**
 * Removes the examples of optional parameters. Swagger UI fills in every parameter that has an example, and would send filters or an
 * `Idempotency-Key` that its user did not choose.
 */
export function removeOptionalExamples(operation: Operation): void {
  for (const { required, schema } of (operation.parameters ?? []) as Parameter[]) {
    if (!required && schema) delete schema.example;
  }
}

interface FormSchema {
  readonly required?: readonly string[];
  readonly properties?: Record<string, { type?: unknown; example?: unknown; enum?: readonly unknown[] }>;
}

/**
 * Gives each optional text of a form an empty example. Swagger UI fills in every field of a form, with "string" if it has no example, and
 * does not send those that are empty.
 * @param schemas the schemas of the document, by name
 */
export function emptyOptionalFields(operation: Operation, schemas: Readonly<Record<string, unknown>>): void {
  const { content = {} } = (operation.requestBody ?? {}) as {
    content?: Record<string, { schema?: { $ref?: string } }>;
  };
  const { schema } = content['application/x-www-form-urlencoded'] ?? {};
  const name = schema?.$ref?.slice('#/components/schemas/'.length);
  const form = (name === undefined ? schema : schemas[name]) as FormSchema | undefined;
  for (const [field, described] of Object.entries(form?.properties ?? {})) {
    const isText = described.type === 'string' && described.enum === undefined;
    if (isText && !form?.required?.includes(field)) described.example = '';
  }
}
