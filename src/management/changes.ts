import { findChange, type Change as StoredChange } from '../store/gate-pushes.ts';
import { respond } from './answer.ts';
import { visible } from './authorization.ts';
import type { ManagementApp, ManagementContext } from './context.ts';
import { ProblemError } from './problem.ts';
import { shows } from './routes.ts';
import { Change, IdParams, time } from './schemas.ts';

const showChange = shows(
  {
    path: '/changes/{id}',
    takes: 'any',
    tag: 'Changes',
    summary: 'Show how far a change is',
    description: 'A change that touches more gates than a request can wait for is answered 202, and goes on by itself.',
  },
  IdParams,
  Change,
);

/** Mounts `/changes` below `/v1`. */
export function changes(app: ManagementApp): void {
  app.openapi(showChange, async (context) => {
    const { services, administrator } = context.var;
    const { id } = context.req.valid('param');
    const version = /^\d{1,15}$/.test(id) ? Number(id) : -1;
    const change = visible(administrator, await findChange(services.db, version));
    // What changed something shared concerns everybody, and is nobody's but root's to follow.
    if (change.organizationId === null && administrator.kind !== 'root') throw new ProblemError('not_found');
    return context.json(show(change), 200);
  });
}

/** 202: the write of a version stands, and goes on. @throws StoreUnavailableError */
export async function accepted(context: ManagementContext, version: number): Promise<Response> {
  const { db, config } = context.var.services;
  const change = await findChange(db, version);
  const Location = `${config.issuer}/v1/changes/${version}`;
  return respond(context, 202, change && show(change), { Location });
}

function show({ version, action, target, gates, owed, createdAt }: StoredChange) {
  return {
    id: String(version),
    status: owed === 0 ? ('delivered' as const) : ('pending' as const),
    action,
    target,
    gates,
    delivered: gates - owed,
    created_at: time(createdAt),
  };
}
