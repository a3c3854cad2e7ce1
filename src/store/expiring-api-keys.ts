import { type SQL, sql } from 'drizzle-orm';
import type { ApiKeyRank } from './api-keys.ts';
import { API_KEY_EXPIRY_NOTICE, EXPIRING_API_KEYS_PER_RUN } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { apiKeys } from './schema.ts';
import { insertNotices, type Notice, owe, wakeOwed } from './webhook-outbox.ts';

interface ExpiringValue {
  readonly id: string;
  readonly organization_id: string;
  readonly name: string;
  readonly rank: ApiKeyRank;
  readonly hint: string;
  readonly end: number;
}

/**
 * Owes `api_key.expiring` to webhooks for each value of an API key that ends within `API_KEY_EXPIRY_NOTICE`, once for each end. A secondary
 * value that ends with its key has no notice of its own. Safe to run twice.
 * @param now milliseconds since the epoch
 * @returns for how many values
 * @throws StoreUnavailableError
 */
export async function noticeExpiringApiKeys(db: Database, now: number): Promise<number> {
  const { expiresAt, noticedEnd, secondaryExpiresAt, secondaryNoticedEnd } = apiKeys;
  const until = now + API_KEY_EXPIRY_NOTICE * 1000;
  const ending = (rank: ApiKeyRank, hint: SQL, end: SQL, isNew: SQL) =>
    sql`SELECT id, organization_id, name, ${rank} AS rank, ${hint} AS hint, ${end} AS "end" FROM ${apiKeys}
      WHERE ${end} > ${now} AND ${end} <= ${until} AND ${isNew}`;
  const found = await askStore('d1', () =>
    db.all<ExpiringValue>(sql`
      ${ending('primary', sql`hint`, sql`expires_at`, sql`${noticedEnd} IS NOT ${expiresAt}`)}
      UNION ALL ${ending(
        'secondary',
        sql`secondary_hint`,
        sql`secondary_expires_at`,
        sql`${secondaryNoticedEnd} IS NOT ${secondaryExpiresAt} AND (expires_at IS NULL OR expires_at > secondary_expires_at)`,
      )} LIMIT ${EXPIRING_API_KEYS_PER_RUN}`),
  );
  if (found.length === 0) return 0;
  const notices = found.map(
    ({ id, organization_id, name, rank, hint, end }): Notice => ({
      // Another run builds the same id. A value that is set to end at another time is noticed again.
      id: `evt_expiring_${end}_${rank}_${id}`,
      at: now,
      organizationId: organization_id,
      type: 'api_key.expiring',
      target: id,
      data: { name, rank, hint, expires_at: new Date(end).toISOString() },
    }),
  );
  // By the end as well: it may have been moved since it was read.
  const mark = (rank: ApiKeyRank, end: typeof expiresAt | typeof secondaryExpiresAt, set: object) => {
    const ends = JSON.stringify(found.filter((value) => value.rank === rank).map((value) => [value.id, value.end]));
    return db
      .update(apiKeys)
      .set(set)
      .where(sql`(${apiKeys.id}, ${end}) IN (SELECT value ->> 0, value ->> 1 FROM json_each(${ends}))`);
  };
  const ids = notices.map((notice) => notice.id);
  await askStore('d1', () =>
    db.batch([
      insertNotices(db, notices),
      owe(db, 'notices', ids, now),
      mark('primary', expiresAt, { noticedEnd: sql`${expiresAt}` }),
      mark('secondary', secondaryExpiresAt, { secondaryNoticedEnd: sql`${secondaryExpiresAt}` }),
      wakeOwed(db, ids, now),
    ]),
  );
  return found.length;
}
