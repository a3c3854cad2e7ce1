import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Administrator } from '../credentials/api-key.ts';
import { clientAddress } from '../request.ts';
import type { Services } from '../services.ts';
import { ConstraintError } from '../store/errors.ts';
import { type Statement, write } from '../store/write.ts';
import { actorOf } from './authorization.ts';
import { ProblemError } from './problem.ts';
import { Problem } from './schemas.ts';

/** What every management handler finds in its context. */
export interface ManagementEnv {
  Variables: { services: Services; administrator: Administrator };
}

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
});

/** Describes the POST that creates one of a collection: body and answer, and how it fails. */
export function createRouteFor<Path extends string, Body extends z.ZodType, Answer extends z.ZodType>(
  path: Path,
  tag: string,
  summary: string,
  body: Body,
  answer: Answer,
) {
  return createRoute({
    method: 'post',
    path,
    tags: [tag],
    summary,
    security: [{ apiKey: [] }],
    request: { body: { required: true, content: { 'application/json': { schema: body } } } },
    responses: {
      201: { description: 'Created.', content: { 'application/json': { schema: answer } } },
      401: problem('No API key, or one that is not valid.'),
      403: problem('The API key may not do this.'),
      404: problem('The organization is not there, or not the key’s.'),
      409: problem('Something of this name is there already.'),
      422: problem('A field is not as it must be; `errors` points at it.'),
      503: problem('A store did not answer; try again.'),
    },
  });
}

interface Creation {
  readonly organizationId: string | null;
  /** Such as `client.created`. */
  readonly action: string;
  readonly target: string;
  /** What the audit event tells: the fields, without secret values. */
  readonly changes: Record<string, unknown>;
  /** What to answer when a constraint, as `ConstraintError` names it, stands against it: the field, and what would be right. */
  readonly conflicts: Readonly<Record<string, { pointer: string; detail: string }>>;
  readonly statements: readonly Statement[];
}

/**
 * Writes what is created, its audit event beside it.
 * @throws ProblemError `conflict`; StoreUnavailableError
 */
export async function create(context: Context<ManagementEnv>, now: number, creation: Creation): Promise<void> {
  const { services, administrator } = context.var;
  const { organizationId, action, target, changes, statements, conflicts } = creation;
  const address = clientAddress(context.req.raw);
  const event = { at: now, organizationId, actor: actorOf(administrator), action, target, address, changes };
  try {
    await write(services.db, event, statements);
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    const conflict = conflicts[error.constraint];
    // What was looked up a moment ago is gone: only another administrator can have done that.
    const detail = 'Something that this refers to was changed meanwhile: try again.';
    throw new ProblemError('conflict', conflict ? { errors: [conflict] } : { detail });
  }
}
