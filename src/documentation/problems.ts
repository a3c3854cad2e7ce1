import { kib } from '../lib/size.ts';
import { ACCESS_TOKEN_TTL_MIN, MANAGEMENT_BODY_LIMIT_BYTES } from '../management/constants.ts';
import { invalid, ProblemError, UNAVAILABLE_DETAIL } from '../management/http/problem.ts';
import { CLIENT_ID } from './oauth/examples.ts';
import { RETRY_AFTER } from './oauth/headers.ts';
import type { Operation } from './operation.ts';

// The error answers of the management API. Their examples are made by the code that answers, and the answers that every operation can
// give are added here.

const NAME_TAKEN = new ProblemError('conflict', {
  errors: [
    { pointer: '/client_name', detail: 'Another client of the organization has this name. Choose another name.' },
  ],
});
const DEPENDENTS = new ProblemError('conflict', {
  dependents: { shown: [{ type: 'client', id: CLIENT_ID, name: 'Invoice worker' }], total: 1 },
});

const PROBLEMS: readonly ProblemError[] = [
  new ProblemError('malformed', { detail: 'The body is not JSON.' }),
  new ProblemError('unauthorized'),
  new ProblemError('forbidden', { detail: 'This requires an API key with the scope clients:write.' }),
  new ProblemError('not_found'),
  new ProblemError('stale'),
  new ProblemError('too_large', { detail: `The limit is ${kib(MANAGEMENT_BODY_LIMIT_BYTES)}.` }),
  new ProblemError('unsupported_media_type'),
  invalid({ pointer: '/access_token_ttl', detail: `Too small: expected number to be >=${ACCESS_TOKEN_TTL_MIN}` }),
  new ProblemError('too_many'),
  new ProblemError('unavailable', { detail: UNAVAILABLE_DETAIL }),
  new ProblemError('unexpected'),
];

const ANY_OPERATION = { 500: 'The service is not configured, or failed unexpectedly.' };
const ANY_OPERATION_WITH_BODY = {
  400: 'The body is not JSON.',
  413: `The body is larger than ${kib(MANAGEMENT_BODY_LIMIT_BYTES)}.`,
  415: 'The operation does not accept this `Content-Type`.',
};

/** Adds the common error answers to an operation below `/v1`, and an example to each of its error answers. */
export async function completeProblems(operation: Operation): Promise<void> {
  const added = Object.entries({
    ...ANY_OPERATION,
    ...(operation.requestBody !== undefined && ANY_OPERATION_WITH_BODY),
  });
  operation.responses = {
    ...Object.fromEntries(added.map(([status, description]) => [status, { description, content: PROBLEM }])),
    ...operation.responses,
  };
  const conflict = hasCascade(operation) ? DEPENDENTS : NAME_TAKEN;
  const examples = await examplesByStatus([...PROBLEMS, conflict]);
  for (const [status, response] of Object.entries(operation.responses)) {
    const problem = response.content?.[MEDIA_TYPE];
    if (!problem) continue;
    response.content = { ...response.content, [MEDIA_TYPE]: { ...problem, example: examples.get(status) } };
    if (status === '429' || status === '503') response.headers = { ...response.headers, 'Retry-After': RETRY_AFTER };
  }
}

const MEDIA_TYPE = 'application/problem+json';
const PROBLEM = { [MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } };

function hasCascade({ parameters = [] }: Operation): boolean {
  return parameters.some((parameter) => (parameter as { name?: string }).name === 'cascade');
}

async function examplesByStatus(problems: readonly ProblemError[]): Promise<ReadonlyMap<string, unknown>> {
  const answers = problems.map((problem) => problem.toResponse());
  const entries = answers.map(async (answer) => [String(answer.status), await answer.json()] as const);
  return new Map(await Promise.all(entries));
}
