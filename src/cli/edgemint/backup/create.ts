import { join } from 'node:path';
import packageJson from '../../../../package.json' with { type: 'json' };
import { BACKUP_ROWS_PER_LINE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import type { Item, Manifest, Revoked, Rows } from './archive.ts';
import { writeArchive } from './archive.ts';
import { queryEdgemint, queryMigrations, requireOwn } from './database.ts';
import { feedHash } from './feed-hash.ts';
import type { Instance } from './instance.ts';
import { KNOWN_MIGRATIONS } from './migrations.ts';
import { hashIds, type InstanceKeys, openRows, retiredRows, wrongMasterKey } from './portable.ts';
import { type DumpedRow, readDump, type Value } from './sql-dump.ts';
import { HISTORY_TABLES, RECORD_TABLES, STATE_TABLES } from './tables.ts';

/** What a backup holds. */
export interface Created {
  readonly counts: Readonly<Record<string, number>>;
  /** Revoked tokens that KV lists. */
  readonly revoked: number;
  /** Revoked tokens that the revocation feed has and KV does not list yet. */
  readonly unlisted: number;
}

/**
 * Writes a backup of an instance.
 * @param directory a temporary folder of this user
 * @param now milliseconds since the epoch
 * @param signal ends it
 * @throws Failure
 */
export async function createBackup(
  file: string,
  passphrase: string,
  { instance, history, directory, now, signal }: CreateOptions,
): Promise<Created> {
  const keys = await instance.keys();
  const issuer = (await instance.issuer()) ?? null;
  const dump = join(directory, 'dump.sql');
  // Before the export, because D1 answers no other request meanwhile.
  requireKnown(instance, await queryEdgemint(instance, () => queryMigrations(instance)));
  const tables = [...RECORD_TABLES, ...(history ? HISTORY_TABLES : []), ...STATE_TABLES];
  await instance.exportTables(tables, dump);
  // After the export: a token that is revoked in between is in it, or its client can ask again.
  const listed = await instance.listKv('revoked:');
  const migrations = await readMigrations(dump);
  requireKnown(instance, migrations);
  const manifest: Manifest = {
    created_at: now,
    edgemint: packageJson.version,
    worker: instance.worker ?? null,
    issuer,
    migrations,
    history,
  };
  const revoked = listed.flatMap(({ name, expiration }) =>
    expiration === undefined ? [] : [[name, expiration] as const],
  );
  const hashes = new Set(revoked.flatMap(([key]) => tailsOf(key).map(feedHash)));
  const used = new HashCheck();
  let unlisted = 0;
  async function* items(): AsyncGenerator<Item> {
    for await (const rows of grouped(readDump(dump))) {
      if (rows.table === 'd1_migrations') continue;
      used.see(rows);
      if (rows.table === 'live_revocations') unlisted += countUnlisted(rows, hashes, now);
      const opened = await openRows(rows, keys);
      if (rows.table === 'retired_master_keys') used.accept(opened);
      yield opened;
    }
    const retired = await retiredRows(keys, now);
    used.accept(retired);
    used.requireAccepted(keys);
    yield retired;
    for (let begin = 0; begin < revoked.length; begin += BACKUP_ROWS_PER_LINE) {
      yield { revoked: revoked.slice(begin, begin + BACKUP_ROWS_PER_LINE) } satisfies Revoked;
    }
  }
  const counts = await writeArchive(file, passphrase, manifest, items(), signal);
  return { counts, revoked: revoked.length, unlisted };
}

export interface CreateOptions {
  readonly instance: Instance;
  /** Whether audit events and usage are in it. */
  readonly history: boolean;
  readonly directory: string;
  readonly now: number;
  readonly signal?: AbortSignal;
}

/** Collects the ids of master keys that made hashes, and of those whose hashes are accepted. */
class HashCheck {
  readonly #used = new Set<string>();
  readonly #accepted = new Set<string>();

  see(rows: Rows): void {
    for (const id of hashIds(rows)) this.#used.add(id);
  }

  accept({ rows }: Rows): void {
    for (const [id] of rows) this.#accepted.add(String(id));
  }

  /** @throws Failure if the hashes of a master key would be of no use in the backup */
  requireAccepted({ file }: InstanceKeys): void {
    for (const id of this.#used) if (!this.#accepted.has(id)) throw wrongMasterKey(file, id);
  }
}

async function readMigrations(dump: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { table, columns, values } of readDump(dump)) {
    if (table === 'd1_migrations') names.push(String(values[columns.indexOf('name')]));
  }
  return names.sort();
}

function requireKnown(instance: Instance, migrations: readonly string[]): void {
  requireOwn(instance, migrations);
  const unknown = migrations.filter((name) => !KNOWN_MIGRATIONS.includes(name));
  if (unknown.length === 0) return;
  throw new Failure(
    `The database is newer than this edgemint, which does not know ${unknown.join(', ')} and would leave data out. Use the edgemint of the deployed version.`,
  );
}

/** Groups consecutive rows of a table. */
async function* grouped(rows: AsyncIterable<DumpedRow>): AsyncGenerator<Rows> {
  let group: { table: string; columns: readonly string[]; rows: (readonly Value[])[] } | undefined;
  for await (const { table, columns, values } of rows) {
    if (group && (group.table !== table || group.rows.length >= BACKUP_ROWS_PER_LINE)) {
      yield group;
      group = undefined;
    }
    group ??= { table, columns, rows: [] };
    group.rows.push(values);
  }
  if (group) yield group;
}

// A client_id and a `jti` may contain colons, so a key has several readings.
function tailsOf(key: string): string[] {
  const parts = key.split(':').slice(1);
  return parts.slice(1).map((_, index) => parts.slice(index + 1).join(':'));
}

function countUnlisted({ columns, rows }: Rows, hashes: ReadonlySet<string>, now: number): number {
  const [kind, hash, expires] = ['kind', 'hash', 'expires_at'].map((name) => columns.indexOf(name));
  return rows.filter(
    (row) =>
      row[kind ?? 0] === 'token' && Number(row[expires ?? 0]) * 1000 > now && !hashes.has(String(row[hash ?? 0])),
  ).length;
}
