import { type SQL, sql } from 'drizzle-orm';
import { FREQUENT_SUCCESS_PRECISION_MS } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { type RingRows, selectRing } from './ring.ts';
import { backgroundTasks } from './schema.ts';
import { listOf } from './sql.ts';

/** The background tasks. Each gate flushes its own usage; the scheduled handler does the rest. */
export const BACKGROUND_TASKS = [
  'resume_pushes',
  'rotate_signing_keys',
  'remove_signing_keys',
  'copy_key_ring',
  'migrate_identifiers',
  'migrate_usage',
  'migrate_secrets',
  'purge',
  'notice_expiring_api_keys',
  'check_quotas',
  'notice_expiring_clients',
  'notice_expiring_secrets',
  'disable_unused_clients',
  'notice_unused_secrets',
  'send_webhooks',
  'flush_usage',
] as const;
export type BackgroundTask = (typeof BACKGROUND_TASKS)[number];

/** When each task last succeeded, in milliseconds since the epoch; null for never. */
export type LastSuccesses = Readonly<Record<BackgroundTask, number | null>>;

/** Returns when each task last succeeded, and the key ring, in one call. @throws StoreUnavailableError */
export async function readHealth(db: Database): Promise<{ lastSuccesses: LastSuccesses; ring: RingRows }> {
  const [rows, keys, retired] = await askStore('d1', () =>
    db.batch([db.select().from(backgroundTasks), ...selectRing(db)]),
  );
  const at = (task: BackgroundTask) => rows.find(({ name }) => name === task)?.succeededAt ?? null;
  const lastSuccesses = Object.fromEntries(BACKGROUND_TASKS.map((task) => [task, at(task)])) as LastSuccesses;
  return { lastSuccesses, ring: { keys, retired } };
}

/**
 * Records that tasks succeeded.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function recordSuccesses(db: Database, tasks: readonly BackgroundTask[], now: number): Promise<void> {
  await askStore('d1', () => upsert(db, tasks, now, sql`excluded.succeeded_at > ${backgroundTasks.succeededAt}`).run());
}

/**
 * Builds the statement that records the success of a task that many gates perform at the same time. It is precise to
 * `FREQUENT_SUCCESS_PRECISION_MS`, so that few of them write.
 */
export function recordFrequentSuccess(db: Database, task: BackgroundTask, now: number) {
  return upsert(
    db,
    [task],
    now,
    sql`excluded.succeeded_at >= ${backgroundTasks.succeededAt} + ${FREQUENT_SUCCESS_PRECISION_MS}`,
  );
}

function upsert(db: Database, tasks: readonly BackgroundTask[], now: number, condition: SQL) {
  return db
    .insert(backgroundTasks)
    .select(sql`SELECT value, ${now} FROM (${listOf(tasks)}) WHERE TRUE`)
    .onConflictDoUpdate({
      target: backgroundTasks.name,
      set: { succeededAt: sql`excluded.succeeded_at` },
      setWhere: condition,
    });
}
