import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

// The data of D1 and KV, as far as Cloudflare's API reads and writes it for wrangler.

const STATEMENT_BYTES_MAX = 100_000;
const META = { duration: 1, changes: 0, last_row_id: 0, rows_read: 0, rows_written: 0, size_after: 0 };

/** Runs statements as D1 does, all or none. */
export function query(sqlite: DatabaseSync, sql: string): object[] {
  // Only the last statement of those that are run here together has an answer that is looked at.
  const [, before = '', last = ''] = /^([\s\S]*;\s+)?(\S[\s\S]*)$/.exec(sql.trim().replace(/;$/, '')) ?? [];
  return transaction(sqlite, () => {
    sqlite.exec(before);
    if (!/^(SELECT|PRAGMA)\b/i.test(last)) {
      sqlite.exec(last);
      return [{ results: [], success: true, meta: META }];
    }
    return [{ results: sqlite.prepare(last).all(), success: true, meta: META }];
  });
}

function transaction<T>(sqlite: DatabaseSync, act: () => T): T {
  sqlite.exec('BEGIN');
  try {
    const result = act();
    sqlite.exec('COMMIT');
    return result;
  } catch (error) {
    sqlite.exec('ROLLBACK');
    throw error;
  }
}

/** Returns the rows of tables as D1 exports them without their schema; the same code as in miniflare's `dumpSql`. */
export function dump(sqlite: DatabaseSync, tables: readonly string[]): string {
  const lines = ['PRAGMA defer_foreign_keys=TRUE;'];
  const existing = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid").all();
  for (const name of existing.map((table) => String(table.name)).filter((each) => tables.includes(each))) {
    const columns = sqlite.prepare(`PRAGMA table_info="${name}"`).all();
    const names = columns.map((column) => `"${column.name}"`).join(',');
    const statement = sqlite.prepare(`SELECT ${names} FROM "${name}"`);
    statement.setReturnArrays(true);
    for (const row of statement.all() as unknown as (string | number | null)[][]) {
      lines.push(`INSERT INTO "${name}" (${names}) VALUES(${row.map(dumped).join(',')});`);
    }
  }
  return lines.join('\n');
}

function dumped(value: string | number | null): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  let text = `'${value.replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;
  if (value.includes('\r')) text = `replace(${text},'\\r',char(13))`;
  if (value.includes('\n')) text = `replace(${text},'\\n',char(10))`;
  return text;
}

type ImportRequest =
  | { readonly action: 'init'; readonly etag: string }
  | { readonly action: 'ingest'; readonly filename: string; readonly etag: string }
  | { readonly action: 'poll'; readonly current_bookmark: string };

interface Database {
  readonly uuid: string;
  readonly sqlite: DatabaseSync;
}

/** Imports of SQL files: wrangler asks for an address, uploads the file, hands it over and polls. */
export class D1Imports {
  /**
   * What becomes of the next file that is handed over: it is imported; D1 reports an error; D1 imports it and the connection is lost; the
   * connection is lost and D1 is still at work, which a query waits for in vain.
   */
  next: 'works' | 'fails' | 'answer lost' | 'slow and answer lost' = 'works';
  readonly #uploads = new Map<string, Buffer>();
  readonly #outcomes = new Map<string, object>();
  #underWay: { readonly uuid: string; finish(): void } | undefined;

  upload(filename: string, body: Buffer): string {
    this.#uploads.set(filename, body);
    return createHash('md5').update(body).digest('hex');
  }

  /** @throws Error, once, if D1 is at work on a file, which it finishes then */
  requireIdle(uuid: string): void {
    const underWay = this.#underWay;
    if (underWay?.uuid !== uuid) return;
    this.#underWay = undefined;
    underWay.finish();
    throw new Error('D1_ERROR: Currently processing a long-running import.');
  }

  /** @returns undefined if the connection is lost */
  take({ uuid, sqlite }: Database, request: ImportRequest, uploads: string): object | undefined {
    if (request.action === 'init') {
      const filename = `${uuid}.${request.etag}.sql`;
      return { type: 'import', success: true, messages: [], filename, upload_url: `${uploads}/${filename}` };
    }
    if (request.action === 'poll') return this.#outcomes.get(uuid);
    const file = this.#uploads.get(request.filename);
    if (file === undefined || createHash('md5').update(file).digest('hex') !== request.etag) {
      return { type: 'import', success: false, status: 'error', error: 'The file was not uploaded.', messages: [] };
    }
    const { next } = this;
    this.next = 'works';
    const finish = () => this.#outcomes.set(uuid, importInto(sqlite, String(file), next === 'fails'));
    if (next === 'slow and answer lost') {
      this.#underWay = { uuid, finish };
      return undefined;
    }
    finish();
    if (next === 'answer lost') return undefined;
    return { type: 'import', success: true, status: 'active', at_bookmark: 'bookmark', messages: ['Importing'] };
  }
}

function importInto(sqlite: DatabaseSync, sql: string, fails: boolean): object {
  const common = { type: 'import', at_bookmark: 'bookmark', messages: [] };
  try {
    // Each statement of a restore is in a line.
    const long = sql.split('\n').find((line) => Buffer.byteLength(line) > STATEMENT_BYTES_MAX);
    if (long !== undefined) throw new Error(`statement too long: SQLITE_TOOBIG: ${long.slice(0, 40)}`);
    transaction(sqlite, () => {
      sqlite.exec(sql);
      if (fails) throw new Error('D1 DB reset because its code was updated.');
    });
    const result = { num_queries: sql.split('\n').length, final_bookmark: 'bookmark', meta: META };
    return { ...common, success: true, status: 'complete', result };
  } catch (error) {
    return { ...common, success: false, status: 'error', error: error instanceof Error ? error.message : '' };
  }
}

export interface KvValue {
  readonly value: string;
  readonly expiration?: number;
}

// The real one has 1,000 keys in a page. With these, the keys of a test fill several.
const KEYS_OF_PAGE = 2;

/** Lists a page of the keys that begin so. */
export function keyPage(values: ReadonlyMap<string, KvValue>, prefix: string, cursor: string) {
  const names = [...values.keys()].filter((name) => name.startsWith(prefix) && name > cursor).sort();
  const page = names.slice(0, KEYS_OF_PAGE);
  const keys = page.map((name) => {
    const expiration = values.get(name)?.expiration;
    return { name, ...(expiration !== undefined && { expiration }) };
  });
  return { keys, cursor: names.length > KEYS_OF_PAGE ? (page.at(-1) ?? '') : '' };
}

/** Writes values. @returns what is wrong with one of them; then none was written */
export function putAll(
  values: Map<string, KvValue>,
  entries: readonly (KvValue & { readonly key: string })[],
  now: number,
): string | undefined {
  if (entries.length > 10_000) return 'too many keys';
  for (const { key, expiration } of entries) {
    if (Buffer.byteLength(key) > 512) return `the key ${key} is longer than 512 bytes`;
    if (expiration !== undefined && expiration * 1000 < now + 60_000)
      return `Invalid expiration of ${expiration}. Please specify integer greater than the current number of seconds since the UNIX epoch, plus 60`;
  }
  for (const { key, value, expiration } of entries)
    values.set(key, { value, ...(expiration !== undefined && { expiration }) });
  return undefined;
}
