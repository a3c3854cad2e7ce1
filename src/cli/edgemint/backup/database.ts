import { Failure } from '../../failure.ts';
import type { Instance } from './instance.ts';
import { KNOWN_MIGRATIONS } from './migrations.ts';

/**
 * Runs a function that queries a database.
 * @throws Failure that says so if the function failed because the database is not one of Edgemint, or of another version
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
    requireSameVersion(instance, await queryMigrations(instance));
    throw error;
  }
}

/** Returns the names of the migrations that a database has. */
export async function queryMigrations(instance: Instance): Promise<string[]> {
  const rows = await instance.query<{ name: string }>('SELECT name FROM d1_migrations');
  return rows.map(({ name }) => name).sort();
}

/** @throws Failure if the migrations of a database are not those that this version knows */
export function requireSameVersion(instance: Pick<Instance, 'name'>, migrations: readonly string[]): void {
  requireOwn(instance, migrations);
  const differing = [
    ...KNOWN_MIGRATIONS.filter((migration) => !migrations.includes(migration)),
    ...migrations.filter((migration) => !KNOWN_MIGRATIONS.includes(migration)),
  ];
  if (differing.length > 0) {
    throw new Failure(
      `This edgemint and ${instance.name} are of different versions: they differ in ${differing.join(', ')}. Upgrade the instance to this checkout, or check out its version. Nothing was changed.`,
    );
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
