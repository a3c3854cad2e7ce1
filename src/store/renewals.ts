import { eq, type SQL } from 'drizzle-orm';
import type { Database } from './database.ts';
import { clients } from './schema.ts';
import { among } from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

/** The statement that gives a client another version, with whatever else changes about it. */
export function renewClient(db: Database, clientId: string): Statement {
  return db.update(clients).set({ version: nextVersion }).where(eq(clients.clientId, clientId));
}

/** The statement that does the same for the clients that a subquery selects. */
export function renewClients(db: Database, ids: SQL): Statement {
  return db.update(clients).set({ version: nextVersion }).where(among(clients.clientId, ids));
}
