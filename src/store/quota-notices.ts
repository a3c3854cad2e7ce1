import { sql } from 'drizzle-orm';
import type { Quota, QuotaNotice } from '../gates/protocol.ts';
import { periodAt } from '../lib/utc-period.ts';
import type { Database } from './database.ts';
import { clients, webhookNotices } from './schema.ts';
import type { NoticeType } from './webhook-events.ts';
import { owe, wakeOwed } from './webhook-outbox.ts';

const TYPE: NoticeType = 'quota.warning';

/** Returns the id of a notice, which is the same each time that it is sent: once for each period, threshold and limit. */
export function quotaNoticeId(target: string, { period, from, threshold, limit }: Reached): string {
  return `evt_quota_${period}_${from}_${threshold}_${limit}_${target}`;
}

/** Returns what a notice says about a quota. */
export function quotaNoticeData({ period, from, threshold, limit, issued, action }: Reached) {
  const resets_at = new Date(periodAt(period, from).until).toISOString();
  return { period, threshold, limit, issued, action, resets_at };
}

export type Reached = Omit<QuotaNotice, 'at' | 'action'> & { readonly action: Quota['action'] };

/**
 * Builds the statements that tell webhooks of thresholds of a client's quota, for one batch. A repeat changes nothing, and a deleted client
 * has no notices.
 * @param now milliseconds since the epoch
 */
export function insertQuotaNotices(db: Database, clientId: string, notices: readonly QuotaNotice[], now: number) {
  const rows = notices.map((notice) => ({
    id: quotaNoticeId(clientId, notice),
    at: notice.at,
    data: quotaNoticeData(notice),
  }));
  const { organizationId, clientName, owner } = clients;
  const described = sql`json_patch(json_object('client_name', ${clientName}, 'owner', ${owner}), value -> 'data')`;
  const selected = sql`SELECT value ->> 'id', value ->> 'at', ${organizationId}, ${TYPE}, ${clients.clientId}, ${described}
    FROM json_each(${JSON.stringify(rows)}) CROSS JOIN ${clients} WHERE ${clients.clientId} = ${clientId}`;
  const ids = rows.map(({ id }) => id);
  return [
    db.insert(webhookNotices).select(selected).onConflictDoNothing(),
    owe(db, 'notices', ids, now),
    wakeOwed(db, ids, now),
  ] as const;
}
