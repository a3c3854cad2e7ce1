import { and, asc, gt, lte, sql } from 'drizzle-orm';
import { CLIENT_EXPIRY_NOTICE, EXPIRING_CLIENTS_PER_RUN } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clients } from './schema.ts';
import { insertNotices, type Notice, owe, wakeOwed } from './webhook-outbox.ts';

/**
 * Owes `client.expiring` to webhooks for each active client that expires within `CLIENT_EXPIRY_NOTICE`, once for each time that it is set
 * to expire. Safe to run twice.
 * @param now milliseconds since the epoch
 * @returns for how many clients
 * @throws StoreUnavailableError
 */
export async function noticeExpiringClients(db: Database, now: number): Promise<number> {
  const { clientId, organizationId, clientName, owner, expiresAt, expiryNoticed, status } = clients;
  const expiring = db
    .select({ clientId, organizationId, clientName, owner, expiresAt })
    .from(clients)
    .where(
      and(
        // As in the partial index, without parameters.
        sql`${expiryNoticed} = 0 AND ${status} = 'active'`,
        gt(expiresAt, now),
        lte(expiresAt, now + CLIENT_EXPIRY_NOTICE * 1000),
      ),
    )
    .orderBy(asc(expiresAt))
    .limit(EXPIRING_CLIENTS_PER_RUN);
  const found = await askStore('d1', () => expiring);
  if (found.length === 0) return 0;
  const notices = found.map((client): Notice => {
    const end = client.expiresAt ?? 0;
    return {
      // Another run builds the same id. A client that is set to expire at another time is noticed again.
      id: `evt_expiring_${end}_${client.clientId}`,
      at: now,
      organizationId: client.organizationId,
      type: 'client.expiring',
      target: client.clientId,
      data: { client_name: client.clientName, owner: client.owner, expires_at: new Date(end).toISOString() },
    };
  });
  // By the time as well: it may have been moved since it was read.
  const noticed = JSON.stringify(found.map((client) => [client.clientId, client.expiresAt]));
  const mark = db
    .update(clients)
    .set({ expiryNoticed: true })
    .where(sql`(${clientId}, ${expiresAt}) IN (SELECT value ->> 0, value ->> 1 FROM json_each(${noticed}))`);
  const ids = notices.map((notice) => notice.id);
  await askStore('d1', () =>
    db.batch([insertNotices(db, notices), owe(db, 'notices', ids, now), mark, wakeOwed(db, ids, now)]),
  );
  return found.length;
}
