import { and, eq, gt } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { idempotencyKeys } from './schema.ts';

export type StoredAnswer = typeof idempotencyKeys.$inferSelect;

/**
 * The answer that an actor's request with an `Idempotency-Key` was given.
 * @param since milliseconds since the epoch: an older one does not count
 * @throws StoreUnavailableError
 */
export async function findAnswer(
  db: Database,
  actor: string,
  key: string,
  since: number,
): Promise<StoredAnswer | undefined> {
  const isIt = and(
    eq(idempotencyKeys.actor, actor),
    eq(idempotencyKeys.key, key),
    gt(idempotencyKeys.createdAt, since),
  );
  const [found] = await askStore('d1', () => db.select().from(idempotencyKeys).where(isIt));
  return found;
}
