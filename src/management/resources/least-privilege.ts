import type { SQL } from 'drizzle-orm';
import { STORE_DEADLINE_MS } from '../../constants.ts';
import type { HeldScopes } from '../../gates/protocol.ts';
import { listClients } from '../../store/client-lists.ts';
import type { DescribedClient } from '../../store/clients.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { hasNoGate } from '../../store/gates.ts';
import { organizationExists } from '../../store/organizations.ts';
import { isMadeBy } from '../../store/sql.ts';
import { StaleWriteError } from '../../store/write.ts';
import {
  LEAST_PRIVILEGE_PAGE_DEFAULT,
  LEAST_PRIVILEGE_PAGE_MAX,
  UNUSED_FOR_MIN,
  USED_SCOPES_NAMED,
} from '../constants.ts';
import { Client } from '../fields/client-representation.ts';
import { LeastPrivilege, LeastPrivilegeApplication, showLeastPrivilege, UnusedFor } from '../fields/least-privilege.ts';
import { ClientIdParams, IdParams, pageLimit, time } from '../fields/schemas.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { BY_NAME, encodeCursor, readCursor } from '../http/paging.ts';
import { invalid, invalidIn, ProblemError, pointer } from '../http/problem.ts';
import { getRouteFor, guardedActionRouteFor, listRouteFor } from '../http/routes.ts';
import { compareRemoval, type Doubt, type RefusedScope } from '../least-privilege/judge.ts';
import { judgeClients } from '../least-privilege/observe.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';
import { applyClientPatch, findVisibleClient } from './clients.ts';

const tag = 'Clients';
const itemPath = '/clients/{client_id}/least-privilege';
const DAY_MS = 86_400_000;

const WHAT_IS_KNOWN =
  'The client’s gate notes to the hour which scopes are requested, issued and introspected. What it cannot know is `unknown`, never `unused`: ' +
  'a request that names no scopes gets all of them, and introspection at the edge does not ask the gate.';

const getLeastPrivilegeRoute = getRouteFor(
  {
    path: itemPath,
    requires: 'clients:read',
    tag,
    summary: 'Find out which scopes of a client are unused',
    description: WHAT_IS_KNOWN,
  },
  ClientIdParams,
  LeastPrivilege,
  { unused_for: UnusedFor },
);
const listLeastPrivilegeRoute = listRouteFor(
  {
    path: '/organizations/{id}/least-privilege',
    requires: 'clients:read',
    tag,
    summary: 'Find out which scopes of an organization’s clients are unused',
    description: `Clients by name. ${WHAT_IS_KNOWN}`,
  },
  IdParams,
  {
    unused_for: UnusedFor,
    limit: pageLimit(LEAST_PRIVILEGE_PAGE_DEFAULT, LEAST_PRIVILEGE_PAGE_MAX),
  },
  LeastPrivilege,
);
const applyLeastPrivilegeRoute = guardedActionRouteFor(
  {
    path: `${itemPath}/apply`,
    requires: 'clients:write',
    tag,
    summary: 'Remove unused scopes from a client',
    description:
      'Applies the `patch` of a judgement, with the judgement’s `etag` as `If-Match`. It is refused with 412 if the client was changed since, and ' +
      'with 409 if the client has used one of these scopes since `unused_since`, even at the last moment: its gate decides.',
  },
  ClientIdParams,
  LeastPrivilegeApplication,
  Client,
);

/** Mounts `/clients/{client_id}/least-privilege` and `/organizations/{id}/least-privilege` below `/v1`. */
export function leastPrivilege(app: ManagementApp): void {
  app.openapi(getLeastPrivilegeRoute, async (context) => {
    const found = await findVisibleClient(context);
    const now = Date.now();
    const unusedSince = now - context.req.valid('query').unused_for * DAY_MS;
    const [judged] = await judgeClients(context.var.services, [found], unusedSince);
    if (!judged) throw new TypeError('A client was not judged');
    context.header('ETag', etag(found.version));
    return context.json(showLeastPrivilege(judged, unusedSince, now), 200);
  });

  app.openapi(listLeastPrivilegeRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, unused_for } = context.req.valid('query');
    const organizationId = context.req.valid('param').id;
    if (!sees(administrator, organizationId) || !(await organizationExists(services.db, organizationId))) {
      throw new ProblemError('not_found');
    }
    const [after] = readCursor(cursor, BY_NAME) ?? [];
    const now = Date.now();
    const unusedSince = now - unused_for * DAY_MS;
    const position = after === undefined ? undefined : { key: after, clientId: '' };
    const order = { by: 'name', isDescending: false } as const;
    const { clients, next } = await listClients(services.db, { organizationId }, order, { after: position, limit });
    const judged = await judgeClients(services, clients, unusedSince);
    const next_cursor = next ? encodeCursor([next.key]) : null;
    return context.json(
      { data: judged.map((client) => showLeastPrivilege(client, unusedSince, now)), next_cursor },
      200,
    );
  });

  app.openapi(applyLeastPrivilegeRoute, (context) => {
    const { unused_since, patch } = context.req.valid('json');
    const unusedSince = Date.parse(unused_since);
    if (unusedSince > Date.now() - UNUSED_FOR_MIN * DAY_MS) {
      throw invalid({ pointer: '/unused_since', detail: 'must be at least a day ago: so long may a token live' });
    }
    return retryOnStaleWrite(async () => {
      const found = await findVisibleClient(context);
      requireMatch(context, found.version);
      const [judged] = await judgeClients(context.var.services, [found], unusedSince);
      if (!judged) throw new TypeError('A client was not judged');
      const { observation } = judged;
      if (observation.kind === 'unknown' && observation.reason === 'gate_unavailable') {
        throw new StoreUnavailableError('gate', 'its use of scopes is unknown');
      }
      const removal = compareRemoval(found.grants, patch.grants, judged.judgement);
      if (removal.added.length > 0) {
        const detail = 'adds to the grants of the client; it may only remove scopes and grants';
        throw invalidIn(removal.added.map((index) => ({ pointer: pointer('patch', 'grants', index), detail })));
      }
      if (removal.isEmpty) throw invalid({ pointer: '/patch/grants', detail: 'removes nothing' });
      if (removal.refused.length > 0) throw notUnused(removal.refused, unusedSince);
      const isNeverUsed = observation.kind === 'never_used' && !found.hasGate;
      // Its gate registers itself in D1 before the first token, so the guard holds as long as there is none.
      if (isNeverUsed) return applyClientPatch(context, found, patch, hasNoGate(found.clientId));
      return withHeldScopes(context, found, removal.held, unusedSince, (guard) =>
        applyClientPatch(context, found, patch, guard),
      );
    });
  });
}

/**
 * Lets the client's gate hold scopes while they are taken from the client: nobody gets a token with one between the last look at their use
 * and the change.
 * @throws ProblemError `conflict` if one was used by now
 */
async function withHeldScopes<T>(
  { var: { services } }: ManagementContext,
  { clientId: client_id }: DescribedClient,
  scopes: readonly HeldScopes[],
  unused_since: number,
  change: (guard?: SQL) => Promise<T>,
): Promise<T> {
  // What roles grant as well remains: there is nothing to hold.
  if (scopes.length === 0) return change();
  const id = crypto.randomUUID();
  const answer = await services.gates.holdScopes({ client_id, id, unused_since, scopes });
  if (answer.outcome === 'used') {
    const used = answer.scopes.map((scope) => ({ ...scope, why: 'used' as const }));
    throw notUnused(used, unused_since);
  }
  if (answer.outcome === 'busy') {
    throw new ProblemError('conflict', {
      detail: 'Scopes are being taken from this client right now; retry in some seconds.',
    });
  }
  try {
    // D1 may make a write that nobody waits for any more, and the gate no longer holds the scopes then.
    return await change(isMadeBy(Date.now() + STORE_DEADLINE_MS));
  } catch (error) {
    // Nothing was written if the client had changed. After any other error the change may yet be made: the gate holds the scopes for some
    // seconds.
    if (error instanceof StaleWriteError || error instanceof ProblemError) {
      await services.gates.holdScopes({ client_id, id, unused_since, scopes: [] }).catch(() => undefined);
    }
    throw error;
  }
}

const DOUBTS: Readonly<Record<Doubt | 'used', string>> = {
  used: 'was used',
  issued_unnamed: 'may have been used: tokens have it whose requests named no scopes',
  observed_too_briefly: 'may have been used: it was not observed for as long',
  too_many_scopes: 'may have been used: the client uses more scopes than are noted one by one',
  gate_unavailable: 'may have been used: the client’s gate does not answer',
  gate_older: 'may have been used: the client’s gate runs an older version',
  gate_behind: 'may have been used: the client’s gate does not have its last change yet',
};

function notUnused(refused: readonly RefusedScope[], unusedSince: number): ProblemError {
  const errors = refused.slice(0, USED_SCOPES_NAMED).map(({ resource, scope, why }) => {
    const what = scope === null ? `\`${resource}\`` : `\`${scope}\` at \`${resource}\``;
    return { pointer: '/patch/grants', detail: `${what} ${DOUBTS[why]} since ${time(unusedSince)}.` };
  });
  const detail =
    'Not all of these scopes are certainly unused. Nothing was changed. Ask for the least privilege again.';
  return new ProblemError('conflict', { detail, errors });
}
