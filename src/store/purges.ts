import { inArray, lt, sql } from 'drizzle-orm';
import { AUDIT_AGE, IDEMPOTENCY_AGE, USAGE_AGE } from '../constants.ts';
import { CHANGE_AGE, CONSOLE_LINK_AGE, PURGE_ROWS, WEBHOOK_DELIVERY_AGE } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { extendReservations } from './identifiers.ts';
import { purgeLiveRevocations } from './live-revocations.ts';
import {
  auditEvents,
  changes,
  clientUsage,
  clientUsageDays,
  consoleLinks,
  consoleSessions,
  idempotencyKeys,
  reservedIdentifiers,
  usageDays,
  webhookDeliveries,
  webhookNotices,
} from './schema.ts';

type Purged =
  | typeof idempotencyKeys
  | typeof clientUsage
  | typeof clientUsageDays
  | typeof usageDays
  | typeof webhookDeliveries
  | typeof webhookNotices
  | typeof consoleSessions
  | typeof consoleLinks;

/**
 * Deletes the audit events, idempotent answers, usage rows, changes, reserved identifiers, webhook deliveries, live revocations, and
 * console sessions and links whose
 * retention has ended. It deletes up to `PURGE_ROWS` rows per table, and the next run continues; changes and reserved identifiers are few,
 * and are deleted at once.
 * @param now milliseconds since the epoch
 * @returns how many rows were deleted, by table
 * @throws StoreUnavailableError
 */
export async function purge(db: Database, now: number) {
  const before = (age: number) => now - age * 1000;
  const oldEvents = db
    .select({ id: auditEvents.id })
    .from(auditEvents)
    .where(lt(auditEvents.at, before(AUDIT_AGE)))
    .limit(PURGE_ROWS);
  const rowids = (table: Purged, isOld: ReturnType<typeof lt>) =>
    sql`rowid IN (SELECT rowid FROM ${table} WHERE ${isOld} LIMIT ${PURGE_ROWS})`;
  const endOfDay = before(USAGE_AGE + 86_400);
  const [events, answers, usage, ended, , reservations, deliveries, , revocations, clientDays, days, sessions, links] =
    await askStore('d1', () =>
      db.batch([
        db.delete(auditEvents).where(inArray(auditEvents.id, oldEvents)),
        db
          .delete(idempotencyKeys)
          .where(rowids(idempotencyKeys, lt(idempotencyKeys.createdAt, before(IDEMPOTENCY_AGE)))),
        db.delete(clientUsage).where(rowids(clientUsage, lt(clientUsage.hour, before(USAGE_AGE)))),
        db.delete(changes).where(lt(changes.createdAt, before(CHANGE_AGE))),
        extendReservations(db, now),
        db.delete(reservedIdentifiers).where(lt(reservedIdentifiers.expiresAt, now)),
        db
          .delete(webhookDeliveries)
          .where(rowids(webhookDeliveries, lt(webhookDeliveries.createdAt, before(WEBHOOK_DELIVERY_AGE)))),
        db.delete(webhookNotices).where(rowids(webhookNotices, lt(webhookNotices.at, before(WEBHOOK_DELIVERY_AGE)))),
        purgeLiveRevocations(db, now),
        db.delete(clientUsageDays).where(rowids(clientUsageDays, lt(clientUsageDays.day, endOfDay))),
        db.delete(usageDays).where(rowids(usageDays, lt(usageDays.day, endOfDay))),
        db.delete(consoleSessions).where(rowids(consoleSessions, lt(consoleSessions.expiresAt, now))),
        db.delete(consoleLinks).where(rowids(consoleLinks, lt(consoleLinks.expiresAt, before(CONSOLE_LINK_AGE)))),
      ]),
    );
  return {
    audit_events: events.meta.changes,
    idempotency_keys: answers.meta.changes,
    usage: usage.meta.changes + clientDays.meta.changes + days.meta.changes,
    changes: ended.meta.changes,
    reserved_identifiers: reservations.meta.changes,
    webhook_deliveries: deliveries.meta.changes,
    live_revocations: revocations.meta.changes,
    console_sessions: sessions.meta.changes,
    console_links: links.meta.changes,
  };
}
