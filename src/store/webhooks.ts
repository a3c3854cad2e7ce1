import { and, asc, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import { foldedForm } from '../lib/folded-form.ts';
import { WEBHOOKS_PER_OWNER } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { webhookDeliveries, webhooks } from './schema.ts';
import { isAfter, isAtVersion, refolded } from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

export type StoredWebhook = typeof webhooks.$inferSelect;
export type NewWebhook = Omit<
  StoredWebhook,
  'version' | 'foldedName' | 'dueAt' | 'heldUntil' | 'failures' | 'failingSince' | 'disabledReason'
>;
export type WebhookFields = Pick<StoredWebhook, 'name' | 'description' | 'url' | 'events' | 'status'>;
/** The secrets of a webhook, and their seal. */
export type WebhookSecrets = Pick<StoredWebhook, 'secrets' | 'sealedSecrets' | 'sealedUnder'>;

/** Builds the statement that creates a webhook, for `write()`. */
export function insertWebhook(db: Database, webhook: NewWebhook): Statement[] {
  return [db.insert(webhooks).values({ ...webhook, foldedName: foldedForm(webhook.name), version: nextVersion })];
}

/** Whether an owner may have another webhook, for the guard of a write. @param organizationId null for those of the instance */
export function hasRoomForWebhook(organizationId: string | null): SQL {
  return sql`(SELECT COUNT(*) FROM ${webhooks} WHERE ${ownedBy(organizationId)}) < ${WEBHOOKS_PER_OWNER}`;
}

/** Returns how many webhooks an owner has. @throws StoreUnavailableError */
export async function countWebhooks(db: Database, organizationId: string | null): Promise<number> {
  const counted = db.select({ count: sql<number>`COUNT(*)` }).from(webhooks).where(ownedBy(organizationId));
  return (await askStore('d1', () => counted))[0]?.count ?? 0;
}

/**
 * Builds the statements that update a webhook. A new URL or status makes a new start: what is pending is sent at once.
 * @param now milliseconds since the epoch
 */
export function updateWebhook(db: Database, before: StoredWebhook, fields: WebhookFields, now: number): Statement[] {
  const { id, name, url, status } = before;
  const isRestarted = fields.url !== url || fields.status !== status;
  const changed = { ...fields, ...refolded(name, fields.name), version: nextVersion, updatedAt: now };
  const restarted = { dueAt: now, heldUntil: 0, failures: 0, failingSince: null, disabledReason: null };
  return [
    db
      .update(webhooks)
      .set({ ...changed, ...(isRestarted && restarted) })
      .where(eq(webhooks.id, id)),
    ...(isRestarted ? [hastenDeliveries(db, id, now)] : []),
  ];
}

/** Builds the statement that makes all pending deliveries of a webhook due. */
export function hastenDeliveries(db: Database, webhookId: string, now: number) {
  const isLater = and(eq(webhookDeliveries.webhookId, webhookId), sql`${webhookDeliveries.dueAt} > ${now}`);
  return db.update(webhookDeliveries).set({ dueAt: now }).where(isLater);
}

/** Builds the statement that disables a webhook that fails, unless it was changed since it was read. */
export function disableWebhook(db: Database, id: string, reason: 'failing' | 'gone', now: number): Statement[] {
  const disabled = { status: 'disabled', disabledReason: reason, version: nextVersion, updatedAt: now } as const;
  return [db.update(webhooks).set(disabled).where(eq(webhooks.id, id))];
}

/** Builds the statement that replaces the secrets of a webhook, for `write()`. @param now milliseconds since the epoch */
export function replaceWebhookSecrets(db: Database, id: string, secrets: WebhookSecrets, now: number): Statement[] {
  return [
    db
      .update(webhooks)
      .set({ ...secrets, version: nextVersion, updatedAt: now })
      .where(eq(webhooks.id, id)),
  ];
}

/** Builds the statement that deletes a webhook. Its deliveries are never sent any more, and are deleted when they are old. */
export function removeWebhook(db: Database, id: string): Statement[] {
  return [db.delete(webhooks).where(eq(webhooks.id, id))];
}

/** Builds the statement that deletes the webhooks of an organization. */
export function removeWebhooksOf(db: Database, organizationId: string): Statement {
  return db.delete(webhooks).where(eq(webhooks.organizationId, organizationId));
}

/** Whether an organization has no webhook, for the guard of a write. */
export function hasNoWebhook(organizationId: string): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${webhooks} WHERE ${webhooks.organizationId} = ${organizationId})`;
}

/** Whether the webhook is unchanged since it was read, for the guard of a write. */
export function isWebhookAt({ id, version }: Pick<StoredWebhook, 'id' | 'version'>): SQL {
  return isAtVersion(webhooks, webhooks.id, id, version);
}

/** Finds a webhook by its id. @throws StoreUnavailableError */
export async function findWebhook(db: Database, id: string): Promise<StoredWebhook | undefined> {
  return (await askStore('d1', () => db.select().from(webhooks).where(eq(webhooks.id, id))))[0];
}

/** Returns webhooks by name, starting after `after`. @param organizationId null for those of the instance @throws StoreUnavailableError */
export function listWebhooks(
  db: Database,
  { organizationId, after, limit }: { organizationId: string | null; after: string | undefined; limit: number },
): Promise<StoredWebhook[]> {
  const name = sql`lower(${webhooks.name})`;
  const isWanted = and(ownedBy(organizationId), isAfter(name, after));
  return askStore('d1', () => db.select().from(webhooks).where(isWanted).orderBy(asc(name)).limit(limit));
}

function ownedBy(organizationId: string | null): SQL {
  return organizationId === null ? isNull(webhooks.organizationId) : eq(webhooks.organizationId, organizationId);
}

/** The secrets of a webhook as they are stored. */
export type SealedSecrets = Pick<StoredWebhook, 'id' | 'sealedSecrets' | 'sealedUnder'>;

/** Returns webhooks whose secrets one of these master keys sealed, up to a limit. @throws StoreUnavailableError */
export async function webhooksSealedUnder(
  db: Database,
  masterKeyIds: readonly string[],
  limit: number,
): Promise<SealedSecrets[]> {
  if (masterKeyIds.length === 0) return [];
  const { id, sealedSecrets, sealedUnder } = webhooks;
  const found = db
    .select({ id, sealedSecrets, sealedUnder })
    .from(webhooks)
    .where(inArray(sealedUnder, [...masterKeyIds]));
  return askStore('d1', () => found.limit(limit));
}

/** Returns how many webhooks have secrets that each of these master keys sealed. @throws StoreUnavailableError */
export async function countSealedWebhooks(
  db: Database,
  masterKeyIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const counted = db
    .select({ id: webhooks.sealedUnder, count: sql<number>`COUNT(*)` })
    .from(webhooks)
    .where(inArray(webhooks.sealedUnder, [...masterKeyIds]))
    .groupBy(webhooks.sealedUnder);
  return new Map((await askStore('d1', () => counted)).map(({ id, count }) => [id, count]));
}

/** Builds the statement that stores new seals, unless other writes have changed these secrets since. */
export function resealWebhooks(
  db: Database,
  resealed: readonly { readonly before: SealedSecrets; readonly sealedSecrets: string }[],
  sealedUnder: string,
): Statement[] {
  if (resealed.length === 0) return [];
  const rows = resealed.map(({ before, sealedSecrets }) => ({
    id: before.id,
    before: before.sealedSecrets,
    after: sealedSecrets,
  }));
  const isSame = and(
    sql`${webhooks.id} = json_each.value ->> 'id'`,
    sql`${webhooks.sealedSecrets} = json_each.value ->> 'before'`,
  );
  return [
    db
      .update(webhooks)
      .set({ sealedSecrets: sql`json_each.value ->> 'after'`, sealedUnder })
      .from(sql`json_each(${JSON.stringify(rows)})`)
      .where(isSame),
  ];
}
