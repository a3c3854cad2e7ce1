import { Failure } from '../../failure.ts';
import type { Instance } from './instance.ts';
import { KNOWN_MIGRATIONS } from './migrations.ts';

/**
 * Runs a function that queries a database.
 * @throws Failure that says so if the function failed because the database is not one of Edgemint
 */
export async function queryEdgemint<T>(instance: Instance, query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (!(error instanceof Failure && /no such (table|column)/.test(error.message))) throw error;
    const sql = `SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 4) <> '_cf_' AND name NOT LIKE 'sqlite_%'`;
    const tables = await instance.query<{ name: string }>(sql);
    if (tables.every(({ name }) => name === 'd1_migrations')) {
      throw new Failure(`${capitalized(instance.name)} has no tables yet. Deploy or start the instance first.`);
    }
    if (!tables.some(({ name }) => name === 'd1_migrations')) throw foreign(instance);
    const sqlOfNames = 'SELECT name FROM d1_migrations';
    requireOwn(
      instance,
      (await instance.query<{ name: string }>(sqlOfNames)).map(({ name }) => name),
    );
    throw error;
  }
}

/** @throws Failure if the migrations of a database are not those of Edgemint */
export function requireOwn(instance: Pick<Instance, 'name'>, migrations: readonly string[]): void {
  if (!migrations.includes(KNOWN_MIGRATIONS[0] ?? '')) throw foreign(instance);
}

function foreign({ name }: Pick<Instance, 'name'>): Failure {
  return new Failure(
    `${capitalized(name)} is not one of Edgemint. Check which account wrangler is signed in to, and the name. Nothing was changed.`,
  );
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
