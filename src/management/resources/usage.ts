import { z } from '@hono/zod-openapi';
import { USAGE_AGE } from '../../constants.ts';
import type { UsageCount } from '../../gates/protocol.ts';
import { findClientRow } from '../../store/clients.ts';
import { listUsage } from '../../store/usage.ts';
import { ClientIdParams, Time, time } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_TIME, page, readCursor } from '../http/paging.ts';
import { listRouteFor } from '../http/routes.ts';
import { activityOf } from './activity.ts';

const Usage = z
  .object({
    hour: Time.openapi({ description: 'The hour’s beginning.', example: '2026-01-31T12:00:00.000Z' }),
    issued: z.int().openapi({ description: 'Tokens that were issued.', example: 4211 }),
    refused: z
      .record(z.string(), z.int())
      .openapi({ description: 'Token requests that were refused, by reason.', example: { rate_limited: 3 } }),
  })
  .openapi('Usage');

const listRoute = listRouteFor(
  {
    path: '/clients/{client_id}/usage',
    requires: 'clients:read',
    tag: 'Clients',
    summary: 'Show how a client’s token requests ended, by hour',
    description: `The newest first. Hours without a request are left out. Kept for ${USAGE_AGE / 86_400} days.`,
  },
  ClientIdParams,
  { from: Time.optional(), to: Time.optional() },
  Usage,
);

/** Mounts `/clients/{client_id}/usage` below `/v1`. */
export function usage(app: ManagementApp): void {
  app.openapi(listRoute, async (context) => {
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
    // The gate first: what it hands over to D1 meanwhile would be in neither.
    const live = (await activityOf(services, clientId)).usage;
    const stored = await listUsage(services.db, clientId, range);
    const counts = [...stored, ...live.filter(({ hour }) => hour >= range.from && hour <= range.to)];
    const { data, next_cursor } = page(byHour(counts), limit, ({ hour }) => [hour]);
    return context.json({ data: data.map(toResponse), next_cursor }, 200);
  });
}

interface HourOfUse {
  readonly hour: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** The newest hour first. Where D1 and the gate both tell of one, the greater count is the later one. */
function byHour(counts: readonly UsageCount[]): HourOfUse[] {
  const hours = new Map<number, Map<string, number>>();
  for (const { hour, outcome, count } of counts) {
    const known = hours.get(hour) ?? new Map<string, number>();
    hours.set(hour, known.set(outcome, Math.max(known.get(outcome) ?? 0, count)));
  }
  return [...hours].map(([hour, counts]) => ({ hour, counts })).sort((one, other) => other.hour - one.hour);
}

function toResponse({ hour, counts }: HourOfUse) {
  const { issued = 0, ...refused } = Object.fromEntries(counts);
  return { hour: time(hour), issued, refused };
}
