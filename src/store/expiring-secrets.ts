import { and, asc, eq, gt, isNull, lte, sql } from 'drizzle-orm';
import { EXPIRING_SECRETS_PER_RUN, SECRET_EXPIRY_NOTICE } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clientSecrets, clients } from './schema.ts';
import { among, listOf } from './sql.ts';
import { insertNotices, type Notice, owe, wakeOwed } from './webhook-outbox.ts';

/**
 * Owes `secret.expiring` to webhooks for each secret that expires within `SECRET_EXPIRY_NOTICE`, once for each time that it is set to
 * expire. Safe to run twice.
 * @param now milliseconds since the epoch
 * @returns for how many secrets
 * @throws StoreUnavailableError
 */
export async function noticeExpiringSecrets(db: Database, now: number): Promise<number> {
  const { id, clientId, rank, hint, expiresAt, expiryNoticed, leakedAt } = clientSecrets;
  const isExpiring = and(
    // As in the partial index, without a parameter.
    sql`${expiryNoticed} = 0`,
    gt(expiresAt, now),
    lte(expiresAt, now + SECRET_EXPIRY_NOTICE * 1000),
    isNull(leakedAt),
  );
  const expiring = db
    .select({ id, clientId, rank, hint, expiresAt, organizationId: clients.organizationId })
    .from(clientSecrets)
    .innerJoin(clients, eq(clients.clientId, clientId))
    .where(isExpiring)
    .orderBy(asc(expiresAt))
    .limit(EXPIRING_SECRETS_PER_RUN);
  const found = await askStore('d1', () => expiring);
  if (found.length === 0) return 0;
  const notices = found.map((secret): Notice => {
    const end = secret.expiresAt ?? 0;
    return {
      // Another run builds the same id. A secret that is set to expire at another time is noticed again.
      id: `evt_expiring_${end}_${secret.id}`,
      at: now,
      organizationId: secret.organizationId,
      type: 'secret.expiring',
      target: secret.clientId,
      data: { secret: secret.id, rank: secret.rank, hint: secret.hint, expires_at: new Date(end).toISOString() },
    };
  });
  const noticed = db
    .update(clientSecrets)
    .set({ expiryNoticed: true })
    .where(among(id, listOf(found.map((secret) => secret.id))));
  const ids = notices.map((notice) => notice.id);
  await askStore('d1', () =>
    db.batch([insertNotices(db, notices), owe(db, 'notices', ids, now), noticed, wakeOwed(db, ids, now)]),
  );
  return found.length;
}
