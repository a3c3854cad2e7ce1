import { REQUESTS } from './management-examples.ts';

/** An operation of the document, as far as it is completed here. */
export interface Operation {
  operationId?: string;
  readonly parameters?: unknown[];
  readonly requestBody?: unknown;
  responses?: Record<string, { description?: string; headers?: object; content?: Record<string, object> }>;
}

interface Parameter {
  readonly required?: boolean;
  readonly schema?: { example?: unknown };
}

/** Shows the body of a management operation by one that is accepted. */
export function showRequest(operation: Operation): void {
  const example = Object.entries(REQUESTS).find(([name]) => name === operation.operationId)?.[1];
  const { content = {} } = (operation.requestBody ?? {}) as { content?: Record<string, { example?: unknown }> };
  if (example !== undefined) for (const media of Object.values(content)) media.example = example;
}

/** What every answer carries. */
export const REQUEST_ID = {
  description: 'Names the request in the log of the service.',
  schema: { type: 'string' as const, format: 'uuid' },
};

export function showRequestId({ responses = {} }: Operation): void {
  const ours = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };
  for (const response of Object.values(responses)) response.headers = { ...response.headers, ...ours };
}

/**
 * Leaves optional parameters without examples: the page fills in what has one, and would send a filter, or an `Idempotency-Key`, that
 * nobody meant.
 */
export function leaveOptionalsEmpty(operation: Operation): void {
  for (const { required, schema } of (operation.parameters ?? []) as Parameter[]) {
    if (!required && schema) delete schema.example;
  }
}
