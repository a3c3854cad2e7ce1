import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import * as schema from './schema.ts';

export type Database = DrizzleD1Database<typeof schema>;

/** The D1 database behind drizzle, its tables typed. */
export function database(db: D1Database): Database {
  return drizzle(db, { schema });
}
