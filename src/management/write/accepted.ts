import { type Administrator, isInstanceAdministrator } from '../../credentials/administrator.ts';
import { findChange, isPending, type Change as StoredChange } from '../../store/gate-pushes.ts';
import { time, timeOrNull } from '../fields/schemas.ts';
import { respond } from '../http/answer.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementContext } from '../http/context.ts';

/** Whether the administrator may see the progress of a change. Shared resources affect all organizations, so only root may see theirs. */
export function mayFollow(
  administrator: Administrator,
  { organizationId }: Pick<StoredChange, 'organizationId'>,
): boolean {
  return organizationId === null ? isInstanceAdministrator(administrator) : sees(administrator, organizationId);
}

/** Answers 202 for a committed write that is still propagating. @param version the write's version @throws StoreUnavailableError */
export async function accepted(context: ManagementContext, version: number): Promise<Response> {
  const { db, config } = context.var.services;
  const change = await findChange(db, version);
  const Location = `${config.baseUrl}/v1/changes/${version}`;
  return respond(context, 202, change && toResponse(change), { Location });
}

/** Returns the representation of a change. */
export function toResponse(change: StoredChange) {
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
