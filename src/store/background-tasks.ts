import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { backgroundTasks } from './schema.ts';
import { listOf } from './sql.ts';

/** Work that nobody asks for. The gates flush their usage, each for itself; the rest the scheduled handler does. */
export const BACKGROUND_TASKS = [
  'resume_pushes',
  'rotate_signing_keys',
  'remove_signing_keys',
  'copy_key_ring',
  'purge',
  'flush_usage',
] as const;
export type BackgroundTask = (typeof BACKGROUND_TASKS)[number];

/** When each was last done with success, in milliseconds since the epoch; null for never. */
export type LastSuccesses = Readonly<Record<BackgroundTask, number | null>>;

/** @throws StoreUnavailableError */
export async function readLastSuccesses(db: Database): Promise<LastSuccesses> {
  const rows = await askStore('d1', () => db.select().from(backgroundTasks));
  const at = (task: BackgroundTask) => rows.find(({ name }) => name === task)?.succeededAt ?? null;
  return Object.fromEntries(BACKGROUND_TASKS.map((task) => [task, at(task)])) as LastSuccesses;
}

/**
 * Notes that tasks were done.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function noteSuccesses(db: Database, tasks: readonly BackgroundTask[], now: number): Promise<void> {
  await askStore('d1', () => upsert(db, tasks, now, sql`excluded.succeeded_at > ${backgroundTasks.succeededAt}`).run());
}

/** The statement that notes that a task was done which many do at once: the time is kept to the minute, so that few of them write. */
export function noteFrequentSuccess(db: Database, task: BackgroundTask, now: number) {
  return upsert(db, [task], now, sql`excluded.succeeded_at >= ${backgroundTasks.succeededAt} + 60000`);
}

function upsert(db: Database, tasks: readonly BackgroundTask[], now: number, isWanted: SQL) {
  return db
    .insert(backgroundTasks)
    .select(sql`SELECT value, ${now} FROM (${listOf(tasks)}) WHERE TRUE`)
    .onConflictDoUpdate({
      target: backgroundTasks.name,
      set: { succeededAt: sql`excluded.succeeded_at` },
      setWhere: isWanted,
    });
}
