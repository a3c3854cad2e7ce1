import { z } from '@hono/zod-openapi';
import type { IssuedTokens, PeriodCount, QuotaPeriod } from '../../gates/protocol.ts';
import { periodAt } from '../../lib/utc-period.ts';
import { type Client, findClientRow } from '../../store/clients.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { hasGate } from '../../store/gates.ts';
import { ClientIdParams, Time, time } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { reportRouteFor } from '../http/routes.ts';
import type { ManagementServices } from '../services.ts';

const Period = z
  .object({
    limit: z.int().nullable().openapi({ description: 'The quota. Null if there is none.', example: 100_000 }),
    issued: z.int().openapi({ description: 'How many tokens were issued.', example: 4211 }),
    remaining: z.int().nullable().openapi({
      description: 'How many tokens are left, at least 0. Null if there is no quota.',
      example: 95_789,
    }),
    resets_at: Time.openapi({ description: 'When the period ends.', example: '2026-02-01T00:00:00.000Z' }),
  })
  .openapi('QuotaPeriod');

const QuotaReport = z
  .object({
    action: z.enum(['warn', 'enforce']).nullable().openapi({
      description: 'What happens at the quota. Null if the client has none.',
    }),
    day: Period.openapi({ description: 'The current day, by UTC.' }),
    month: Period.openapi({ description: 'The current month, by UTC.' }),
  })
  .openapi('QuotaReport');

const getQuotaRoute = reportRouteFor(
  {
    path: '/clients/{client_id}/quota',
    requires: 'clients:read',
    tag: 'Clients',
    summary: 'Get a client’s quota and what is left of it',
    description: 'The tokens that its gate counted, which are counted without a quota as well.',
  },
  ClientIdParams,
  QuotaReport,
);

/** Mounts `/clients/{client_id}/quota` below `/v1`. */
export function quota(app: ManagementApp): void {
  app.openapi(getQuotaRoute, async (context) => {
    const { services, administrator } = context.var;
    const { client_id } = context.req.valid('param');
    const client = visible(administrator, await findClientRow(services.db, client_id));
    const issued = await issuedTokens(services, client.clientId);
    return context.json(toResponse(client, issued, Date.now()), 200);
  });
}

/** Returns what the client's gate counted, or undefined if the client has none yet. @throws StoreUnavailableError */
async function issuedTokens(
  { db, gates }: Pick<ManagementServices, 'db' | 'gates'>,
  clientId: string,
): Promise<IssuedTokens | undefined> {
  if (!(await hasGate(db, clientId))) return undefined;
  const { issued } = await gates.activity({ client_id: clientId });
  if (!issued) throw new StoreUnavailableError('gate', 'an older version');
  return issued;
}

function toResponse({ quota }: Pick<Client, 'quota'>, issued: IssuedTokens | undefined, now: number) {
  const show = (period: QuotaPeriod, limit: number | null) => {
    const { from, count } = current(period, issued?.[period], now);
    const remaining = limit === null ? null : Math.max(0, limit - count);
    return { limit, issued: count, remaining, resets_at: time(periodAt(period, from).until) };
  };
  return {
    action: quota?.action ?? null,
    day: show('day', quota?.tokens_per_day ?? null),
    month: show('month', quota?.tokens_per_month ?? null),
  };
}

/** Returns the gate's count. If the gate's clock is behind this one, its period may have ended already. */
function current(period: QuotaPeriod, counted: PeriodCount | undefined, now: number): PeriodCount {
  const { from } = periodAt(period, now);
  return counted && counted.from >= from ? counted : { from, count: 0 };
}
