import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import journal from '../../../../migrations/meta/_journal.json' with { type: 'json' };

/** The names of the migrations that this version knows, in their order. */
export const KNOWN_MIGRATIONS: readonly string[] = journal.entries.map(({ tag }) => `${tag}.sql`);

/**
 * Returns the statements of migrations that change rows, in their order: a database that was migrated before its rows were restored must
 * still apply them.
 * @param folder the folder of the migrations
 */
export async function dataStatements(names: readonly string[], folder = 'migrations'): Promise<string[]> {
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const statements = files.flatMap((file) => file.split('--> statement-breakpoint')).map((each) => each.trim());
  return statements.filter((statement) => /^(UPDATE|INSERT|DELETE)\b/i.test(statement.replace(/^(--.*\n)+/, '')));
}
