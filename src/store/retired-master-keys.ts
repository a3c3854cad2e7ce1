import type { Database } from './database.ts';
import type { RetiredMasterKey } from './ring.ts';
import { retiredMasterKeys } from './schema.ts';
import type { Statement } from './write.ts';

/** The statement that keeps what is to be kept of a master key, or seals it anew, for `write()`. */
export function keepRetiredMasterKey(db: Database, retired: RetiredMasterKey): Statement {
  const { sealedKeys, createdAt } = retired;
  return db
    .insert(retiredMasterKeys)
    .values(retired)
    .onConflictDoUpdate({ target: retiredMasterKeys.id, set: { sealedKeys, createdAt } });
}
