import type { Administrator } from '../../credentials/api-key.ts';
import { findChange, isPending, type Change as StoredChange } from '../../store/gate-pushes.ts';
import { Change, IdParams, time, timeOrNull } from '../fields/schemas.ts';
import { respond } from '../http/answer.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { getRouteFor } from '../http/routes.ts';

const getChangeRoute = getRouteFor(
  {
    path: '/changes/{id}',
    requires: 'any',
    tag: 'Changes',
    summary: 'Show how far a change is',
    description:
      'A change that touches more gates than a request can wait for, or that takes out signing keys, is answered 202, and goes on by itself.',
  },
  IdParams,
  Change,
);

/** Mounts `/changes` below `/v1`. */
export function changes(app: ManagementApp): void {
  app.openapi(getChangeRoute, async (context) => {
    const { services, administrator } = context.var;
    const { id } = context.req.valid('param');
    const version = /^\d{1,15}$/.test(id) ? Number(id) : -1;
    const change = await findChange(services.db, version);
    if (!change || !mayFollow(administrator, change)) throw new ProblemError('not_found');
    return context.json(toResponse(change), 200);
  });
}

/** Whether a change is the administrator's to follow. One of something shared concerns everybody, and is root's alone. */
export function mayFollow(
  administrator: Administrator,
  { organizationId }: Pick<StoredChange, 'organizationId'>,
): boolean {
  return organizationId === null ? administrator.kind === 'root' : sees(administrator, organizationId);
}

/** 202: the write of a version stands, and goes on. @throws StoreUnavailableError */
export async function accepted(context: ManagementContext, version: number): Promise<Response> {
  const { db, config } = context.var.services;
  const change = await findChange(db, version);
  const Location = `${config.issuer}/v1/changes/${version}`;
  return respond(context, 202, change && toResponse(change), { Location });
}

function toResponse(change: StoredChange) {
  const { version, action, target, gates, owed, createdAt, settlesAt } = change;
  return {
    id: String(version),
    status: isPending(change, Date.now()) ? ('pending' as const) : ('delivered' as const),
    action,
    target,
    gates,
    delivered: gates - owed,
    created_at: time(createdAt),
    settles_at: settlesAt === 0 ? null : timeOrNull(settlesAt),
  };
}
