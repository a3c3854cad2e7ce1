import { findChange } from '../../store/gate-pushes.ts';
import { CHANGE_ID_DIGITS_MAX } from '../constants.ts';
import { Change, IdParams } from '../fields/schemas.ts';
import type { ManagementApp } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { getRouteFor } from '../http/routes.ts';
import { mayFollow, toResponse } from '../write/accepted.ts';

const CHANGE_ID = new RegExp(`^\\d{1,${CHANGE_ID_DIGITS_MAX}}$`);

const getChangeRoute = getRouteFor(
  {
    path: '/changes/{id}',
    requires: 'any',
    tag: 'Changes',
    summary: 'Get the progress of a change',
    description:
      'A change that affects more gates than a request can wait for, or that revokes signing keys, is answered with 202 and continues in the background.',
  },
  IdParams,
  Change,
);

/** Mounts `/changes` below `/v1`. */
export function changes(app: ManagementApp): void {
  app.openapi(getChangeRoute, async (context) => {
    const { services, administrator } = context.var;
    const { id } = context.req.valid('param');
    const version = CHANGE_ID.test(id) ? Number(id) : -1;
    const change = await findChange(services.db, version);
    if (!change || !mayFollow(administrator, change)) throw new ProblemError('not_found');
    return context.json(toResponse(change), 200);
  });
}
