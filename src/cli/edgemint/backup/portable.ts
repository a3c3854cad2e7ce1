import { decodeProtectedHeader } from 'jose';
import {
  deriveMasterKeys,
  type MasterKeys,
  type RetiredKeys,
  retireMasterKey,
} from '../../../credentials/master-key.ts';
import { isSealedUnder, seal, unseal } from '../../../keys/sealing.ts';
import type { Redacted } from '../../../log/redacted.ts';
import { ConfigurationError } from '../../../platform/config.ts';
import { Failure } from '../../failure.ts';
import type { Rows } from './archive.ts';
import type { Value } from './sql-dump.ts';
import { HASH_COLUMNS, SEALED_COLUMNS } from './tables.ts';

// A backup must open without the master key that its instance had. So it holds private keys and secrets of webhooks open, and of each
// master key what a retired one leaves: the keys for hashes and tags. It never holds a master key itself.

/** The configured master keys of an instance, and the file that they are from. */
export interface InstanceKeys {
  readonly file: string;
  readonly raw: readonly Redacted<Uint8Array<ArrayBuffer>>[];
  readonly derived: MasterKeys;
}

export async function instanceKeys(
  file: string,
  raw: readonly Redacted<Uint8Array<ArrayBuffer>>[],
): Promise<InstanceKeys> {
  return { file, raw, derived: await deriveMasterKeys(raw) };
}

/** Opens the sealed values of rows. @throws Failure if another master key sealed one */
export async function openRows(rows: Rows, { derived, file }: InstanceKeys): Promise<Rows> {
  const sealed = SEALED_COLUMNS[rows.table];
  if (!sealed) return rows;
  return mapColumn(rows, sealed.column, async (value) => {
    try {
      return JSON.stringify(await unseal(String(value), sealed.purpose, derived));
    } catch (error) {
      if (error instanceof ConfigurationError) {
        throw wrongMasterKey(file, decodeProtectedHeader(String(value)).kid ?? 'another one');
      }
      throw error;
    }
  });
}

/** Seals the values of rows that a backup holds open, under the current master key of another instance. */
export async function sealRows(rows: Rows, { derived }: InstanceKeys): Promise<Rows> {
  const sealed = SEALED_COLUMNS[rows.table];
  if (!sealed) return rows;
  const resealed = await mapColumn(rows, sealed.column, (value) =>
    seal(JSON.parse(String(value)), sealed.purpose, derived),
  );
  return mapColumn(resealed, 'sealed_under', async () => derived[0].id);
}

async function mapColumn(rows: Rows, column: string, map: (value: Value) => Promise<Value>): Promise<Rows> {
  const index = rows.columns.indexOf(column);
  if (index < 0) return rows;
  const mapped = rows.rows.map(async (row) => row.with(index, await map(row[index] ?? null)));
  return { ...rows, rows: await Promise.all(mapped) };
}

/** Returns the master keys of an instance as rows of retired ones, opened. @param now milliseconds since the epoch */
export async function retiredRows({ raw }: InstanceKeys, now: number): Promise<Rows> {
  const retired = await Promise.all(raw.map(retireMasterKey));
  const rows = retired.map((keys): Value[] => [keys.id, JSON.stringify(keys satisfies RetiredKeys), now]);
  return { table: 'retired_master_keys', columns: ['id', 'sealed_keys', 'created_at'], rows };
}

/** Returns the ids of the master keys that made the hashes in some rows. */
export function hashIds({ table, columns, rows }: Rows): Set<string> {
  const indexes = (HASH_COLUMNS[table] ?? []).map((column) => columns.indexOf(column)).filter((index) => index >= 0);
  const hashes = rows.flatMap((row) => indexes.map((index) => row[index]));
  return new Set(hashes.flatMap((hash) => (typeof hash === 'string' ? (hash.split('.', 1)[0] ?? '') : [])));
}

/** Whether a configured master key sealed a value. */
export function isOwn(sealed: string, { derived }: InstanceKeys): boolean {
  return derived.some((key) => isSealedUnder(sealed, key));
}

export function wrongMasterKey(file: string, id: string): Failure {
  return new Failure(
    `The MASTER_KEY in ${file} is not that of this instance: the database was used with the master key ${id}, which the file lacks. Name the right file with --keys-file.`,
  );
}
