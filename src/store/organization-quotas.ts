import { asc, eq, lte, sql } from 'drizzle-orm';
import type { QuotaNotice, QuotaThresholds } from '../gates/protocol.ts';
import { periodAt } from '../lib/utc-period.ts';
import { QUOTA_CHECK_INTERVAL, QUOTA_CHECKS_PER_RUN, QUOTA_USAGE_LAG } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { quotaNoticeData, quotaNoticeId } from './quota-notices.ts';
import { limitsOf, newThreshold } from './quota-thresholds.ts';
import { organizations } from './schema.ts';
import { organizationUsage } from './usage-reports.ts';
import { insertNotices, type Notice, owe, wakeOwed } from './webhook-outbox.ts';

const { id, name, quota, quotaNotices, quotaCheckedAt } = organizations;
type Checked = Pick<typeof organizations.$inferSelect, 'id' | 'name' | 'quota' | 'quotaNotices'>;

/**
 * Compares the quotas of organizations with their usage, each every `QUOTA_CHECK_INTERVAL`, and owes `quota.warning` to webhooks for each
 * threshold that was reached. Safe to run twice.
 * @param now milliseconds since the epoch
 * @returns the number of thresholds
 * @throws StoreUnavailableError
 */
export async function checkOrganizationQuotas(db: Database, now: number): Promise<number> {
  const due = db
    .select({ id, name, quota, quotaNotices })
    .from(organizations)
    // As in the partial index, without parameters.
    .where(sql`${quota} IS NOT NULL AND ${lte(quotaCheckedAt, now - QUOTA_CHECK_INTERVAL * 1000)}`)
    .orderBy(asc(quotaCheckedAt))
    .limit(QUOTA_CHECKS_PER_RUN);
  let reached = 0;
  for (const organization of await askStore('d1', () => due)) reached += await checkQuota(db, organization, now);
  return reached;
}

async function checkQuota(db: Database, organization: Checked, now: number): Promise<number> {
  const { reached, noted } = await thresholdsReached(db, organization, now);
  const notices = reached.map(
    (notice): Notice => ({
      // Another run builds the same id.
      id: quotaNoticeId(organization.id, notice),
      at: now,
      organizationId: organization.id,
      type: 'quota.warning',
      target: organization.id,
      data: { name: organization.name, ...quotaNoticeData(notice) },
    }),
  );
  const ids = notices.map((notice) => notice.id);
  const checked = db
    .update(organizations)
    .set({ quotaCheckedAt: now, ...(reached.length > 0 && { quotaNotices: noted }) })
    .where(eq(id, organization.id));
  const told = [insertNotices(db, notices), owe(db, 'notices', ids, now), wakeOwed(db, ids, now)] as const;
  await askStore('d1', () => db.batch(notices.length > 0 ? [checked, ...told] : [checked]));
  return notices.length;
}

/** Finds the thresholds that were reached, and all of them together with those of which webhooks were told before. */
async function thresholdsReached(db: Database, { id, quota, quotaNotices }: Checked, now: number) {
  const reached: QuotaNotice[] = [];
  let noted: QuotaThresholds = quotaNotices ?? {};
  for (const { period, limit } of quota ? limitsOf(quota) : []) {
    // The last usage of a period is known only when the next one has begun.
    const { from, until } = periodAt(period, now - QUOTA_USAGE_LAG * 1000);
    const { issued } = await organizationUsage(db, id, { from, to: until - 1 });
    const threshold = newThreshold(noted[period], { from, limit, issued });
    if (!threshold) continue;
    noted = { ...noted, [period]: threshold };
    reached.push({ ...threshold, period, issued, action: 'warn', at: now });
  }
  return { reached, noted };
}
