import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import * as schema from './schema.ts';

export type Database = DrizzleD1Database<typeof schema>;

/** Wraps a D1 database with drizzle and the schema's types. */
export function database(db: D1Database): Database {
  return drizzle(db, { schema });
}
