import { eq, type SQL } from 'drizzle-orm';
import type { Database } from './database.ts';
import { clients } from './schema.ts';
import { among } from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

/** Builds the statement that gives a client the write's version, for a write that changes only what the client is linked to. */
export function renewClient(db: Database, clientId: string): Statement {
  return db.update(clients).set({ version: nextVersion }).where(eq(clients.clientId, clientId));
}

/** Like `renewClient`, for the clients that a subquery selects. */
export function renewClients(db: Database, ids: SQL): Statement {
  return db.update(clients).set({ version: nextVersion }).where(among(clients.clientId, ids));
}
