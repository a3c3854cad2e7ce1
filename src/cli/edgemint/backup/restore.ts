import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RESTORE } from '../../../store/actors.ts';
import type { AuditAction } from '../../../store/audit-actions.ts';
import { generateId } from '../../../store/id.ts';
import {
  KV_COPY_REST_MIN,
  RESTORE_LOOK_MS,
  RESTORE_LOOKS,
  RESTORED_VERSIONS_SKIPPED,
  SECRET_FILE_MODE,
} from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { Interrupted } from '../failures.ts';
import { time } from '../output.ts';
import { type Archive, type Item, type Manifest, type Rows, readArchive } from './archive.ts';
import { capitalized, queryEdgemint, requireOwn, requireSameVersion } from './database.ts';
import { feedHash } from './feed-hash.ts';
import type { Instance, KvEntry } from './instance.ts';
import { dataStatements } from './migrations.ts';
import { type InstanceKeys, isOwn, sealRows } from './portable.ts';
import { resyncStatements } from './resync.ts';
import { insertStatements, literal, quoted } from './sql-text.ts';
import { EMPTY_TABLES, HISTORY_TABLES, RECORD_TABLES } from './tables.ts';

/** What is in an instance before a restore. */
export interface Present {
  readonly migrations: readonly string[];
  /** The sealed private keys of its signing keys. */
  readonly sealed: readonly string[];
  /** Tables that hold rows and must not. */
  readonly filled: readonly string[];
  /** The last restore, if the instance is filled. */
  readonly restored: Restored | undefined;
}

/** An earlier restore. */
interface Restored {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** When the backup was made, in ISO 8601. */
  readonly backup_of: string;
}

/** Reads what is in an instance. */
export async function readPresent(instance: Instance): Promise<Present> {
  const [row] = await queryEdgemint(instance, () =>
    instance.query<{ migrations: string; sealed: string; filled: string }>(
      `SELECT (SELECT json_group_array(name) FROM d1_migrations) AS migrations,
        (SELECT json_group_array(sealed_private_jwk) FROM signing_keys) AS sealed,
        ${FILLED_TABLES} AS filled`,
    ),
  );
  const migrations = listOf(row?.migrations).sort();
  requireOwn(instance, migrations);
  const filled = listOf(row?.filled);
  const [restored] = filled.length > 0 ? await instance.query<Restored>(LAST_RESTORE) : [];
  return { migrations, sealed: listOf(row?.sealed), filled, restored };
}

const FILLED_TABLES = `(SELECT json_group_array(name) FROM (${EMPTY_TABLES.map(
  (table) => `SELECT '${table}' AS name WHERE EXISTS (SELECT 1 FROM ${table})`,
).join(' UNION ALL ')}))`;

const LAST_RESTORE = `SELECT at, json_extract(changes, '$.backup_of') AS backup_of FROM audit_events
  WHERE action = '${'instance.restored' satisfies AuditAction}' ORDER BY at DESC LIMIT 1`;

const listOf = (text: string | undefined): string[] => JSON.parse(text ?? '[]');

/** @throws Failure if a backup cannot be restored to an instance */
function requireRestorable(
  { migrations, created_at }: Pick<Manifest, 'migrations' | 'created_at'>,
  present: Present,
  keys: InstanceKeys,
  instance: Pick<Instance, 'name'>,
): void {
  const { name } = instance;
  if (present.restored?.backup_of === new Date(created_at).toISOString()) {
    const at = time(new Date(present.restored.at).toISOString());
    throw new Failure(`${capitalized(name)} holds this backup already: it was restored at ${at}. Nothing was changed.`);
  }
  if (present.filled.length > 0) throw notEmpty(name, present.filled);
  const newer = migrations.filter((migration) => !present.migrations.includes(migration));
  if (newer.length > 0) {
    throw new Failure(
      `The backup is of a newer Edgemint: ${name} lacks ${newer.join(', ')}. Upgrade the instance, then restore. Nothing was changed.`,
    );
  }
  // The statements of a restore are written for one schema.
  requireSameVersion(instance, present.migrations);
  if (!present.sealed.every((sealed) => isOwn(sealed, keys))) {
    throw new Failure(
      `The MASTER_KEY in ${keys.file} is not that of the instance to restore to, which has sealed its signing keys under another one. Name the right file with --keys-file. Nothing was changed.`,
    );
  }
}

function notEmpty(name: string, filled: readonly string[]): Failure {
  return new Failure(
    `Only an empty instance can be restored to, and ${name} holds rows of ${filled.join(', ')}. Nothing was changed.`,
  );
}

/** A restore that was prepared: all of the file has been checked, and nothing was changed. */
export interface Prepared extends Archive {
  readonly sqlFile: string;
  readonly entries: readonly KvEntry[];
  /** Clients that need new tokens, because one of theirs was revoked. */
  readonly cutOff: number;
  /** The id of the audit event that the database holds once the restore was carried out. */
  readonly eventId: string;
}

export interface PrepareOptions {
  readonly keys: InstanceKeys;
  /** The instance to restore to, and what is in it. */
  readonly instance: Pick<Instance, 'name'>;
  readonly present: Present;
  /** Whether the gates of the old instance are still there, and get the restored records. */
  readonly sameGates: boolean;
  readonly directory: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Ends the preparation. */
  readonly signal?: AbortSignal;
}

/** Reads a backup to its end, and writes the statements that restore it. Changes nothing. @throws Failure */
export async function prepareRestore(
  file: string,
  passphrase: string,
  { keys, instance, present, sameGates, directory, now, signal }: PrepareOptions,
): Promise<Prepared> {
  const sqlFile = join(directory, 'restore.sql');
  const sql = await open(sqlFile, 'wx', SECRET_FILE_MODE);
  const write = async (statements: Iterable<string>) => {
    for (const statement of statements) await sql.write(`${statement}\n`);
  };
  const revocations = new KnownRevocations(now);
  const gates: Rows[] = [];
  const retired = new Set(keys.derived.slice(0, 1).map(({ id }) => id));
  const eventId = generateId('evt');
  let version = 0;
  let isFirst = true;
  const restoreItem = async (item: Item, manifest: Manifest) => {
    // This version may not understand the rows of a newer one.
    if (isFirst) requireRestorable(manifest, present, keys, instance);
    isFirst = false;
    if ('revoked' in item) return revocations.addTokens(item.revoked);
    if (item.table === 'version_sequence') {
      version = Number(item.rows[0]?.[item.columns.indexOf('value')]);
      return;
    }
    if (item.table === 'gates') return void gates.push(item);
    if (item.table === 'clients') revocations.addClients(item);
    if (item.table === 'live_revocations') revocations.addLive(item);
    const rows = item.table === 'retired_master_keys' ? withoutIds(item, retired) : item;
    const sealed = await sealRows(rows, keys);
    await write(insertStatements(sealed.table, sealed.columns, sealed.rows));
  };
  try {
    await write(beginning());
    const archive = await readArchive(file, passphrase, restoreItem, signal);
    const { manifest, counts } = archive;
    requireRestorable(manifest, present, keys, instance);
    const newer = present.migrations.filter((name) => !manifest.migrations.includes(name));
    await write(await dataStatements(newer));
    const cutOffs = revocations.cutOffs(Math.floor(manifest.created_at / 1000));
    for (const [clientId, at] of cutOffs) {
      const isLater = `${at} > coalesce(restored_cut_off, 0)`;
      await write([
        `UPDATE clients SET restored_cut_off = ${at} WHERE client_id = ${literal(clientId)} AND ${isLater};`,
      ]);
    }
    await write(ending(version, { manifest, counts, now, eventId }));
    if (sameGates) {
      for (const { table, columns, rows } of gates) await write(insertStatements(table, columns, rows));
      await write(resyncStatements({ revokesTokens: false }));
    }
    return { ...archive, sqlFile, entries: revocations.entries(), cutOff: cutOffs.size, eventId };
  } finally {
    await sql.close();
  }
}

export interface CarryOutOptions {
  readonly directory: string;
  /** Aborted when the user ends the command. wrangler was ended then. */
  readonly signal?: AbortSignal;
  /** Tells the user something. */
  readonly note: (text: string) => void;
}

/**
 * Carries out a prepared restore.
 * @throws Failure, or Interrupted, that says what became of the database. The restore can be repeated in any case: it changes nothing if the
 * database was filled
 */
export async function carryOut(
  { sqlFile, entries, eventId }: Prepared,
  instance: Instance,
  { directory, signal, note }: CarryOutOptions,
): Promise<void> {
  const { name } = instance;
  // First, because they say nothing about clients that do not exist yet.
  await instance.putKv(stillAccepted(entries, Date.now()), directory).catch((error: unknown) => {
    throw signal?.aborted ? new Interrupted(`Interrupted. Nothing was written to ${name}.`) : error;
  });
  const problem = await instance.execute(sqlFile);
  if (problem === undefined) return;
  if (signal?.aborted) {
    throw new Interrupted(`Interrupted while wrangler wrote to ${name}. ${mayBeUnderWay(name)}`);
  }
  note(`wrangler failed. Looking at ${name}…`);
  const found = await look(instance, eventId, signal);
  if (found === undefined) {
    const message = `wrangler failed, and ${name} cannot be read. ${mayBeUnderWay(name)}\n${problem}`;
    throw signal?.aborted ? new Interrupted(message) : new Failure(message);
  }
  if (found.isRestored) return note('The restore was carried out nevertheless.');
  if (found.filled.length > 0) throw notEmpty(name, found.filled);
  throw new Failure(
    `wrangler could not write to ${name}, which is empty as before. Try again in a minute:\n${problem}`,
  );
}

// D1 takes a file over and works on it alone.
function mayBeUnderWay(name: string): string {
  return `The restore may still be carried out, as a whole. Repeat the command in a minute: if ${name} holds the backup by then, it says so and changes nothing.`;
}

/** Looks whether a restore was carried out, and waits while D1 works on it. @returns undefined if the database cannot be read */
async function look(
  instance: Instance,
  eventId: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly isRestored: boolean; readonly filled: readonly string[] } | undefined> {
  const sql = `SELECT EXISTS (SELECT 1 FROM audit_events WHERE id = ${literal(eventId)}) AS restored, ${FILLED_TABLES} AS filled`;
  for (let looks = 1; !signal?.aborted; looks += 1) {
    const rows = await instance.query<{ restored: number; filled: string }>(sql).catch(() => []);
    const [row] = rows;
    if (row) return { isRestored: row.restored === 1, filled: listOf(row.filled) };
    if (looks === RESTORE_LOOKS) return undefined;
    await sleep(RESTORE_LOOK_MS, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  }
  return undefined;
}

// The user may have thought about the question for a while.
function stillAccepted(entries: readonly KvEntry[], now: number): KvEntry[] {
  return entries.filter(({ expiration }) => isAccepted(expiration, now));
}

const isAccepted = (expiration: number, now: number) => expiration * 1000 > now + KV_COPY_REST_MIN * 1000;

// Fails, and with it the whole transaction, if the instance was filled since it was looked at: the column is NOT NULL.
function beginning(): string[] {
  const isFilled = EMPTY_TABLES.map((table) => `EXISTS (SELECT 1 FROM ${table})`).join(' OR ');
  return [
    'PRAGMA defer_foreign_keys=TRUE;',
    'INSERT OR IGNORE INTO version_sequence (id, value) VALUES (1, 0);',
    `UPDATE version_sequence SET value = CASE WHEN ${isFilled} THEN NULL ELSE value END;`,
    ...CLEARED_TABLES.map((table) => `DELETE FROM ${quoted(table)};`),
  ];
}

// An instance that was only started or checked has keys of its own, and perhaps traces of a deleted client. Its audit events stay.
const CLEARED_TABLES = [
  ...RECORD_TABLES,
  ...HISTORY_TABLES.filter((table) => table !== 'audit_events'),
  'revoked_signing_keys',
  'idempotency_keys',
  'console_sessions',
  'console_links',
];

function ending(
  version: number,
  { manifest, counts, now, eventId }: Archive & { readonly now: number; readonly eventId: string },
): string[] {
  const changes = { backup_of: new Date(manifest.created_at).toISOString(), clients: counts.clients ?? 0 };
  const values = [eventId, now, RESTORE, 'instance.restored' satisfies AuditAction, '', JSON.stringify(changes)];
  return [
    `INSERT INTO version_sequence (id, value) VALUES (1, ${version}) ON CONFLICT (id) DO UPDATE SET value = max(value, excluded.value);`,
    `UPDATE version_sequence SET value = value + ${RESTORED_VERSIONS_SKIPPED};`,
    // The policy for unused clients counts from now on: nobody could use a client while there was no instance.
    `UPDATE organizations SET enabled_at = ${now} WHERE unused_report_days IS NOT NULL OR unused_disable_days IS NOT NULL;`,
    `INSERT INTO audit_events (id, at, actor, action, target, changes) VALUES (${values.map(literal).join(', ')});`,
  ];
}

function withoutIds(rows: Rows, ids: Set<string>): Rows {
  const index = rows.columns.indexOf('id');
  // A backup of an instance with a previous master key has its row twice: resealed, and configured.
  const kept = rows.rows.filter((row) => {
    const id = String(row[index]);
    const isNew = !ids.has(id);
    ids.add(id);
    return isNew;
  });
  return { ...rows, rows: kept };
}

/** What D1 and KV knew of revocations, which otherwise only the old gates know. */
class KnownRevocations {
  readonly #now: number;
  readonly #clientIds: string[] = [];
  readonly #tokens: (readonly [key: string, expiresAt: number])[] = [];
  readonly #states = new Map<string, { cutOff: number | null; isDisabled: boolean; expiresAt: number }>();

  /** @param now milliseconds since the epoch */
  constructor(now: number) {
    this.#now = now;
  }

  addClients({ columns, rows }: Rows): void {
    const index = columns.indexOf('client_id');
    for (const row of rows) this.#clientIds.push(String(row[index]));
  }

  addTokens(tokens: readonly (readonly [key: string, expiresAt: number])[]): void {
    for (const token of tokens) if (this.#isLive(token[1])) this.#tokens.push(token);
  }

  addLive({ columns, rows }: Rows): void {
    const at = (name: string) => columns.indexOf(name);
    const [kind, hash, cutOff, isDisabled, expiresAt] = [
      at('kind'),
      at('hash'),
      at('cut_off'),
      at('is_disabled'),
      at('expires_at'),
    ];
    for (const row of rows) {
      const expires = Number(row[expiresAt]);
      if (row[kind] !== 'client' || !this.#isLive(expires)) continue;
      const cut = row[cutOff];
      this.#states.set(String(row[hash]), {
        cutOff: typeof cut === 'number' ? cut : null,
        isDisabled: row[isDisabled] === 1,
        expiresAt: expires,
      });
    }
  }

  /**
   * Returns up to which second the tokens of clients are revoked. A new gate cannot be told of single tokens, so a client of which one was
   * revoked loses all that it had.
   * @param backupAt when the backup was made, seconds since the epoch
   */
  cutOffs(backupAt: number): ReadonlyMap<string, number> {
    const cutOffs = new Map<string, number>();
    const raise = (clientId: string, at: number) =>
      cutOffs.set(clientId, Math.max(cutOffs.get(clientId) ?? 0, Math.min(at, Math.floor(this.#now / 1000))));
    for (const [clientId, { cutOff }] of this.#byClient()) if (cutOff !== null) raise(clientId, cutOff);
    const known = new Set(this.#clientIds);
    for (const [key] of this.#tokens) {
      for (const clientId of headsOf(key)) if (known.has(clientId)) raise(clientId, backupAt);
    }
    return cutOffs;
  }

  /** Returns the copies that the old gates had made in KV. */
  entries(): KvEntry[] {
    const tokens = this.#tokens.map(([key, expiration]) => ({ key, value: '', expiration }));
    const states = this.#byClient().map(([clientId, { cutOff, isDisabled, expiresAt }]) => ({
      key: `client:${clientId}`,
      value: JSON.stringify({ status: isDisabled ? 'disabled' : 'active', cut_off: cutOff }),
      expiration: expiresAt,
    }));
    return [...tokens, ...states];
  }

  #byClient() {
    if (this.#states.size === 0) return [];
    return this.#clientIds.flatMap((clientId) => {
      const state = this.#states.get(feedHash(clientId));
      return state ? [[clientId, state] as const] : [];
    });
  }

  #isLive(expiresAt: number): boolean {
    return isAccepted(expiresAt, this.#now);
  }
}

/** Returns the possible client ids in the key of a revoked token: client ids and `jti` may contain colons. */
function headsOf(key: string): string[] {
  const parts = key.split(':').slice(1);
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(':'));
}
