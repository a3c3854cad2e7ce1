import type { Database } from './database.ts';
import type { RetiredMasterKey } from './ring.ts';
import { retiredMasterKeys } from './schema.ts';
import type { Statement } from './write.ts';

/** Builds the statement that stores the sealed derived keys of a retired master key, or replaces their seal, for `write()`. */
export function keepRetiredMasterKey(db: Database, retired: RetiredMasterKey): Statement {
  const { sealedKeys, createdAt } = retired;
  return db
    .insert(retiredMasterKeys)
    .values(retired)
    .onConflictDoUpdate({ target: retiredMasterKeys.id, set: { sealedKeys, createdAt } });
}
