import { eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { gates } from './schema.ts';

/** Whether a client has a registered gate, that is, has ever requested a token. @throws StoreUnavailableError */
export async function hasGate(db: Database, clientId: string): Promise<boolean> {
  const found = db.select({ name: gates.name }).from(gates).where(eq(gates.clientId, clientId)).limit(1);
  return (await askStore('d1', () => found)).length > 0;
}
