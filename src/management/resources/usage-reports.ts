import { z } from '@hono/zod-openapi';
import { USAGE_AGE, USAGE_LAG } from '../../constants.ts';
import { RESOURCE_SERVERS_PER_DAY, TOP_CLIENTS } from '../../store/constants.ts';
import { INSTANCE } from '../../store/usage-days.ts';
import { findClientNames, listUsageDays, type UsageRange } from '../../store/usage-reports.ts';
import { TOP_CLIENTS_DEFAULT, USAGE_RANGE_MAX } from '../constants.ts';
import { OrganizationQuery, QueryTime, queryNumber, Time, time } from '../fields/schemas.ts';
import { byInterval, INTERVALS, type IntervalUsage, rankClients } from '../fields/usage-intervals.ts';
import { QUERY_FIELD, targetOrganization } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_TIME, page, readCursor } from '../http/paging.ts';
import { invalid } from '../http/problem.ts';
import { listRouteFor, None, readRouteFor } from '../http/routes.ts';

const KEPT_DAYS = USAGE_AGE / 86_400;

const issued = z.int().openapi({ description: 'How many tokens were issued.', example: 4211 });
const refusals = z.int().openapi({ description: 'How many token requests were refused.', example: 3 });

const ClientName = z
  .string()
  .nullable()
  .openapi({ description: 'The name of the client. Null if it was deleted.', example: 'Invoice worker' });

const ClientUsage = z
  .object({
    client_id: z.string().openapi({ example: 'emc_3kTMd9G5Tflk9n8mt7Fhc7aB3dE5gH' }),
    client_name: ClientName,
    issued,
    refused: refusals,
  })
  .openapi('ClientUsage');

const ResourceServerUsage = z
  .object({
    resource_server: z
      .string()
      .nullable()
      .openapi({
        description: `The identifier of the resource server. Null for the sum of those beyond the ${RESOURCE_SERVERS_PER_DAY} of a day.`,
        example: 'https://api.example.com/orders',
      }),
    issued,
  })
  .openapi('ResourceServerUsage');

const UsageInterval = z
  .object({
    start: Time.openapi({ description: 'The start of the hour or day in UTC.' }),
    issued,
    refused: z
      .record(z.string(), z.int())
      .openapi({ description: 'How many token requests were refused, by reason.', example: { rate_limited: 3 } }),
    clients: z.array(ClientUsage).optional().openapi({
      description: 'With `group_by=client`: the clients with the most token requests, the most first.',
    }),
    resource_servers: z.array(ResourceServerUsage).optional().openapi({
      description: 'With `group_by=resource_server`: the issued tokens of each resource server, the most first.',
    }),
  })
  .openapi('UsageInterval');

const complete_until = Time.openapi({
  description: `Requests before this time are counted in full. Later ones are counted in part: a count arrives within ${USAGE_LAG / 60} minutes, or once D1 is reachable again.`,
});

const RangeQuery = {
  ...OrganizationQuery,
  organization_id: OrganizationQuery.organization_id.openapi({
    description:
      'The organization, with the root key. Without it, the root key gets the usage of all organizations. An API key always gets that of its own.',
  }),
  from: QueryTime.optional().openapi({
    description: `Only hours or days that begin at or after this time. Default: ${KEPT_DAYS} days before \`to\`.`,
  }),
  to: QueryTime.optional().openapi({
    description: 'Only hours or days that begin at or before this time. Default: now.',
  }),
};

const listUsageRoute = listRouteFor(
  {
    path: '/usage',
    requires: 'clients:read',
    tag: 'Usage',
    summary: 'List the token requests of all clients by hour or day',
    description: `Newest first, in UTC. Hours and days without a request are left out. Usage is kept for ${KEPT_DAYS} days. Requests of clients that were deleted since are included. A list of clients has the ${TOP_CLIENTS} clients with the most requests of the day at most, also for each of its hours.`,
  },
  None,
  {
    ...RangeQuery,
    interval: z.enum(INTERVALS).default('hour').openapi({ description: 'The length of an interval. Days are in UTC.' }),
    group_by: z.enum(['outcome', 'client', 'resource_server']).default('outcome').openapi({
      description:
        'What is listed besides the sums by outcome: `client` adds `clients`, `resource_server` adds `resource_servers`.',
    }),
    top: queryNumber(TOP_CLIENTS)
      .optional()
      .openapi({
        type: 'integer',
        minimum: 1,
        maximum: TOP_CLIENTS,
        description: `The most clients of an interval, with \`group_by=client\`. Default: ${TOP_CLIENTS_DEFAULT}.`,
      }),
  },
  UsageInterval,
  { complete_until },
);

const TopClient = ClientUsage.extend({
  organization_id: z
    .string()
    .nullable()
    .openapi({ description: 'The organization of the client. Null if it was deleted.' }),
  missed_at_most: z.int().openapi({
    description: `How many requests the sums may lack: a day lists the ${TOP_CLIENTS} clients with the most requests, and this client was not among them on each day.`,
    example: 0,
  }),
}).openapi('TopClient');

const listTopClientsRoute = readRouteFor(
  {
    path: '/usage/top-clients',
    requires: 'clients:read',
    tag: 'Usage',
    summary: 'List the clients with the most token requests',
    description: `The most first, issued and refused together. Clients that were deleted since are included. Usage is kept for ${KEPT_DAYS} days.`,
  },
  z.object({ data: z.array(TopClient), complete_until }).openapi('TopClients'),
  {
    ...RangeQuery,
    from: RangeQuery.from.openapi({
      description: `Only hours that begin at or after this time. Default: ${KEPT_DAYS} days before \`to\`.`,
    }),
    to: RangeQuery.to.openapi({ description: 'Only hours that begin at or before this time. Default: now.' }),
    limit: queryNumber(TOP_CLIENTS)
      .default(TOP_CLIENTS_DEFAULT)
      .openapi({
        type: 'integer',
        minimum: 1,
        maximum: TOP_CLIENTS,
        default: TOP_CLIENTS_DEFAULT,
        description: `The most clients. Default: ${TOP_CLIENTS_DEFAULT}.`,
      }),
  },
);

/** Mounts `/usage` below `/v1`. */
export function usageReports(app: ManagementApp): void {
  app.openapi(listUsageRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, organization_id, from, to, interval, group_by, top } = context.req.valid('query');
    if (top !== undefined && group_by !== 'client') {
      throw invalid({ parameter: 'top', detail: '`top` requires `group_by=client`.' });
    }
    const owner = (await targetOrganization(services, administrator, organization_id, QUERY_FIELD)) ?? INSTANCE;
    const now = Date.now();
    const range = rangeOf(from, to, now);
    const [before = now + 1] = readCursor(cursor, BY_TIME) ?? [];
    const upTo = { ...range, to: Math.min(range.to, before - 1) };
    const breakdown = { outcome: undefined, client: 'clients', resource_server: 'resource_servers' } as const;
    const days = await listUsageDays(services.db, owner, upTo, breakdown[group_by]);
    const { data, next_cursor } = page(byInterval(days, interval, upTo), limit, ({ start }) => [start]);
    const listed = data.map(({ clients, ...rest }) => ({
      ...rest,
      ...(clients && { clients: clients.slice(0, top ?? TOP_CLIENTS_DEFAULT) }),
    }));
    const ids = new Set(listed.flatMap(({ clients = [] }) => clients.map(({ clientId }) => clientId)));
    const names = await findClientNames(services.db, owner, [...ids]);
    const nameOf = (clientId: string) => names.get(clientId)?.clientName ?? null;
    return context.json(
      { data: listed.map((each) => toResponse(each, nameOf)), next_cursor, complete_until: completeUntil(now) },
      200,
    );
  });

  app.openapi(listTopClientsRoute, async (context) => {
    const { services, administrator } = context.var;
    const { organization_id, from, to, limit } = context.req.valid('query');
    const owner = (await targetOrganization(services, administrator, organization_id, QUERY_FIELD)) ?? INSTANCE;
    const now = Date.now();
    const range = rangeOf(from, to, now);
    const days = await listUsageDays(services.db, owner, range, 'clients');
    const ranked = rankClients(days, range, TOP_CLIENTS).slice(0, limit);
    const names = await findClientNames(
      services.db,
      owner,
      ranked.map(({ clientId }) => clientId),
    );
    const data = ranked.map(({ clientId, issued, refused, missedAtMost }) => ({
      client_id: clientId,
      client_name: names.get(clientId)?.clientName ?? null,
      organization_id: names.get(clientId)?.organizationId ?? null,
      issued,
      refused,
      missed_at_most: missedAtMost,
    }));
    return context.json({ data, complete_until: completeUntil(now) }, 200);
  });
}

/** @param now milliseconds since the epoch @throws ProblemError `invalid` */
function rangeOf(from: string | undefined, to: string | undefined, now: number): UsageRange {
  const end = to === undefined ? now : Date.parse(to);
  const start = from === undefined ? end - USAGE_AGE * 1000 : Date.parse(from);
  if (start > end) {
    throw invalid({
      parameter: 'from',
      detail: '`from` is later than `to`. It must be at or before it; `to` is now by default.',
    });
  }
  if (end - start > USAGE_RANGE_MAX * 1000) {
    const detail = `The range from \`from\` to \`to\` is too long. The maximum is ${USAGE_RANGE_MAX / 86_400} days; usage is kept for ${KEPT_DAYS}.`;
    throw invalid({ parameter: 'from', detail });
  }
  return { from: start, to: Math.min(end, now) };
}

const completeUntil = (now: number) => time(now - USAGE_LAG * 1000);

function toResponse(
  { start, outcomes, clients, resourceServers }: IntervalUsage,
  nameOf: (clientId: string) => string | null,
) {
  const { issued = 0, ...refused } = outcomes;
  return {
    start: time(start),
    issued,
    refused,
    ...(clients && {
      clients: clients.map(({ clientId, issued, refused }) => ({
        client_id: clientId,
        client_name: nameOf(clientId),
        issued,
        refused,
      })),
    }),
    ...(resourceServers && {
      resource_servers: resourceServers.map(({ identifier, issued }) => ({ resource_server: identifier, issued })),
    }),
  };
}
