import { z } from '@hono/zod-openapi';
import { USAGE_AGE } from '../../constants.ts';
import type { UsageCount } from '../../gates/protocol.ts';
import { findClientRow } from '../../store/clients.ts';
import { listUsage } from '../../store/usage.ts';
import { ClientIdParams, QueryTime, Time, time } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_TIME, page, readCursor } from '../http/paging.ts';
import { listRouteFor } from '../http/routes.ts';
import { activityOf } from './activity.ts';

const Usage = z
  .object({
    hour: Time.openapi({ description: 'The start of the hour.', example: '2026-01-31T12:00:00.000Z' }),
    issued: z.int().openapi({ description: 'How many tokens were issued.', example: 4211 }),
    refused: z
      .record(z.string(), z.int())
      .openapi({ description: 'How many token requests were refused, by reason.', example: { rate_limited: 3 } }),
  })
  .openapi('Usage');

const listUsageRoute = listRouteFor(
  {
    path: '/clients/{client_id}/usage',
    requires: 'clients:read',
    tag: 'Clients',
    summary: 'List a client’s token requests by hour',
    description: `Newest first. Hours without a request are left out. Usage is kept for ${USAGE_AGE / 86_400} days.`,
  },
  ClientIdParams,
  {
    from: QueryTime.optional().openapi({
      description: `Only hours that begin at or after this time. Default: ${USAGE_AGE / 86_400} days ago.`,
    }),
    to: QueryTime.optional().openapi({ description: 'Only hours that begin at or before this time. Default: now.' }),
  },
  Usage,
);

/** Mounts `/clients/{client_id}/usage` below `/v1`. */
export function usage(app: ManagementApp): void {
  app.openapi(listUsageRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, from, to } = context.req.valid('query');
    const { client_id } = context.req.valid('param');
    const { clientId } = visible(administrator, await findClientRow(services.db, client_id));
    const now = Date.now();
    const [before] = readCursor(cursor, BY_TIME) ?? [];
    const range = {
      from: from === undefined ? now - USAGE_AGE * 1000 : Date.parse(from),
      to: Math.min(to === undefined ? now : Date.parse(to), before === undefined ? now : before - 1),
    };
    // Read the gate before D1: counts that it flushes in between would be missing from both otherwise.
    const live = (await activityOf(services, clientId)).usage;
    const stored = await listUsage(services.db, clientId, range);
    const counts = [...stored, ...live.filter(({ hour }) => hour >= range.from && hour <= range.to)];
    const { data, next_cursor } = page(byHour(counts), limit, ({ hour }) => [hour]);
    return context.json({ data: data.map(toResponse), next_cursor }, 200);
  });
}

interface HourlyUsage {
  readonly hour: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Groups counts by hour, newest first. If D1 and the gate both have a count, the greater one is newer, because counts only grow. */
function byHour(counts: readonly UsageCount[]): HourlyUsage[] {
  const hours = new Map<number, Map<string, number>>();
  for (const { hour, outcome, count } of counts) {
    const outcomes = hours.get(hour) ?? new Map<string, number>();
    hours.set(hour, outcomes.set(outcome, Math.max(outcomes.get(outcome) ?? 0, count)));
  }
  return [...hours].map(([hour, counts]) => ({ hour, counts })).sort((one, other) => other.hour - one.hour);
}

function toResponse({ hour, counts }: HourlyUsage) {
  const { issued = 0, ...refused } = Object.fromEntries(counts);
  return { hour: time(hour), issued, refused };
}
