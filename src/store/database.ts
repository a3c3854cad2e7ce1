import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';

export type Database = DrizzleD1Database;

/** Wraps a D1 database with drizzle. Without the schema, which drizzle would read whole on each call, and needs for `db.query` only. */
export function database(db: D1Database): Database {
  return drizzle(db);
}
