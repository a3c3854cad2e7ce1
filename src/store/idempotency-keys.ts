import { and, eq, gt } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { idempotencyKeys } from './schema.ts';

export type StoredAnswer = typeof idempotencyKeys.$inferSelect;

/**
 * Finds the stored answer of an actor's earlier request with an `Idempotency-Key`.
 * @param since milliseconds since the epoch; older answers are ignored
 * @throws StoreUnavailableError
 */
export async function findAnswer(
  db: Database,
  actor: string,
  key: string,
  since: number,
): Promise<StoredAnswer | undefined> {
  const isMatch = and(
    eq(idempotencyKeys.actor, actor),
    eq(idempotencyKeys.key, key),
    gt(idempotencyKeys.createdAt, since),
  );
  const [found] = await askStore('d1', () => db.select().from(idempotencyKeys).where(isMatch));
  return found;
}
