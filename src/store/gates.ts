import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { gates } from './schema.ts';

/** Whether a client has a registered gate, that is, has ever requested a token. @throws StoreUnavailableError */
export async function hasGate(db: Database, clientId: string): Promise<boolean> {
  const found = db.select({ name: gates.name }).from(gates).where(eq(gates.clientId, clientId)).limit(1);
  return (await askStore('d1', () => found)).length > 0;
}

/** Whether the client still has no registered gate, for the guard of a write: then nothing was ever requested as this client. */
export function hasNoGate(clientId: string): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${gates} WHERE ${gates.clientId} = ${clientId})`;
}
