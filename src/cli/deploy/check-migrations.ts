import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** Reads the migrations of a directory, in the order in which wrangler applies them. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(join(directory, name), 'utf8') })));
}

const NAME = '(?:main\\s*\\.\\s*)?(`[^`]+`|"[^"]+"|\\[[^\\]]+\\]|\\w+)';
const statement = (form: string) => new RegExp(`^${form.replaceAll(' ', '\\s+').replaceAll('<name>', NAME)}`, 'i');
const CREATE = statement('CREATE TABLE (?:IF NOT EXISTS )?<name>');
const ALTER = statement('ALTER TABLE <name>');
const RENAME = statement('ALTER TABLE <name> RENAME TO <name>');
const DROP = statement('DROP TABLE (?:IF EXISTS )?<name>');
const TRIGGER = statement('CREATE (?:TEMP |TEMPORARY )?TRIGGER ');
const REFERENCES = new RegExp(`\\bREFERENCES\\s+${NAME}`, 'gi');

/**
 * Finds migrations that must not be applied: those that drop a table that others reference, and those that create a trigger.
 *
 * D1 always enforces foreign keys, even after a PRAGMA that turns them off. So dropping a referenced table fails, or deletes the rows that
 * reference it. The rebuild of a table that drizzle-kit generates (by way of `__new_…`) contains such a drop.
 *
 * Triggers work in a local database only: the endpoint that applies migrations remotely splits them at the semicolons of their bodies
 * (cloudflare/workers-sdk issue 15178).
 * @param migrations in the order in which they are applied
 * @returns a sentence for each problem
 */
export function checkMigrations(migrations: readonly Migration[]): string[] {
  /** Maps a table to the tables that it references. */
  const referenced = new Map<string, Set<string>>();
  const complaints: string[] = [];

  for (const { name, sql } of migrations) {
    for (const text of statements(sql)) {
      if (TRIGGER.test(text)) complaints.push(`${name} creates a trigger, which the remote D1 may refuse.`);
      const source = match(CREATE, text) ?? match(ALTER, text);
      if (source !== undefined) {
        const targets = referenced.get(source) ?? new Set();
        for (const [, target = ''] of text.matchAll(REFERENCES)) targets.add(unquote(target));
        referenced.set(source, targets);
      }
      const [, before, after] = RENAME.exec(text) ?? [];
      if (before !== undefined && after !== undefined) rename(referenced, unquote(before), unquote(after));
      const dropped = match(DROP, text);
      if (dropped === undefined) continue;
      const others = [...referenced].filter(([table, targets]) => table !== dropped && targets.has(dropped));
      referenced.delete(dropped);
      if (others.length === 0) continue;
      const list = others.map(([table]) => table).join(', ');
      complaints.push(`${name} drops or rebuilds the table ${dropped}, which other tables reference: ${list}.`);
    }
  }
  return complaints;
}

/** Returns the statements without comments and string literals, since neither names a table. */
function statements(sql: string): string[] {
  const code = sql.replace(/'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//g, (text) => (text.startsWith("'") ? "''" : ' '));
  return code.split(';').map((text) => text.trim());
}

function match(form: RegExp, text: string): string | undefined {
  const name = form.exec(text)?.[1];
  return name === undefined ? undefined : unquote(name);
}

/** Names are compared in lower case, since SQLite ignores the case of names. */
function unquote(name: string): string {
  return name.replace(/^[`"[]|[`"\]]$/g, '').toLowerCase();
}

function rename(referenced: Map<string, Set<string>>, before: string, after: string): void {
  const own = referenced.get(before) ?? new Set();
  referenced.delete(before);
  referenced.set(after, own);
  for (const targets of referenced.values()) if (targets.delete(before)) targets.add(after);
}
