import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { getTableName, is } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BACKUP_CHUNK_BYTES } from '../../src/cli/constants.ts';
import { type Item, type Manifest, readArchive, writeArchive } from '../../src/cli/edgemint/backup/archive.ts';
import { Instance } from '../../src/cli/edgemint/backup/instance.ts';
import { dataStatements, KNOWN_MIGRATIONS } from '../../src/cli/edgemint/backup/migrations.ts';
import { parseInsert } from '../../src/cli/edgemint/backup/sql-dump.ts';
import { insertStatements, literal } from '../../src/cli/edgemint/backup/sql-text.ts';
import * as tables from '../../src/cli/edgemint/backup/tables.ts';
import { Failure } from '../../src/cli/failure.ts';
import * as schema from '../../src/store/schema.ts';

const PASSPHRASE = 'correct horse battery staple';
const MANIFEST: Manifest = {
  created_at: Date.UTC(2027, 0, 1),
  edgemint: '0.1.0',
  worker: 'edgemint',
  issuer: null,
  migrations: ['0000_foundation.sql'],
  history: true,
};

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgemint-test-'));
});

afterAll(() => rm(directory, { recursive: true }));

// Each reading makes a key by scrypt, which is slow on purpose.
describe('a backup file', { timeout: 60_000 }, () => {
  let file: string;
  let bytes: Buffer;
  // More than two chunks that do not shrink.
  const items: Item[] = [1, 2, 3].map(() => ({
    table: 'organizations',
    columns: ['id'],
    rows: [[randomBytes(BACKUP_CHUNK_BYTES).toString('base64')]],
  }));

  beforeAll(async () => {
    file = join(directory, 'whole.backup');
    async function* content() {
      yield* items;
      yield { revoked: [['revoked:emc_1:a', 1_800_000_000]] } satisfies Item;
    }
    await writeArchive(file, PASSPHRASE, MANIFEST, content());
    bytes = await readFile(file);
  });

  async function read(content: Uint8Array, passphrase = PASSPHRASE): Promise<Item[] | string> {
    const changed = join(directory, 'changed.backup');
    await writeFile(changed, content);
    const read: Item[] = [];
    try {
      await readArchive(changed, passphrase, (item) => void read.push(item));
      return read;
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message.replace(changed, 'FILE')}` : String(error);
    }
  }

  test('is read as it was written, and holds nothing in the clear', async () => {
    expect(await read(bytes)).toEqual([...items, { revoked: [['revoked:emc_1:a', 1_800_000_000]] }]);
    expect(bytes.includes('organizations')).toBe(false);
    expect((await readFile(file)).length).toBeGreaterThan(3 * BACKUP_CHUNK_BYTES);
  });

  test('with a wrong passphrase is one sentence', async () => {
    expect(await read(bytes, `${PASSPHRASE}.`)).toBe(
      'Failure: The passphrase is not that of FILE, or the first bytes of the file are damaged.',
    );
  });

  test('opens with the same passphrase in another form of Unicode', async () => {
    const composed = join(directory, 'composed.backup');
    await writeArchive(composed, 'pass\u00e9 compose\u00e9', MANIFEST, (async function* () {})());
    expect(await read(await readFile(composed), 'passe\u0301 composee\u0301')).toEqual([]);
  });

  test('with lines of an unknown kind was written by a newer version', async () => {
    const newer = join(directory, 'newer.backup');
    async function* content() {
      yield { leases: [] } as unknown as Item;
    }
    await writeArchive(newer, PASSPHRASE, MANIFEST, content());
    expect(await read(await readFile(newer))).toMatch(/^Failure: FILE was written by a newer edgemint/);
  });

  test('that was cut off anywhere is incomplete', async () => {
    const sealed = BACKUP_CHUNK_BYTES + 16;
    for (const length of [10, 49, 50, 60, 50 + sealed, 50 + 2 * sealed, bytes.length - 1]) {
      expect(await read(bytes.subarray(0, length)), String(length)).toMatch(
        /^Failure: FILE is (incomplete|damaged, or incomplete): /,
      );
    }
  });

  test('in which a bit, the order or the number of the parts was changed is damaged', async () => {
    const sealed = BACKUP_CHUNK_BYTES + 16;
    const part = (index: number) => bytes.subarray(50 + index * sealed, 50 + (index + 1) * sealed);
    const rest = bytes.subarray(50 + 2 * sealed);
    const flipped = Buffer.from(bytes);
    flipped[100] = (flipped[100] ?? 0) ^ 1;
    const head = bytes.subarray(0, 50);
    for (const changed of [
      flipped,
      Buffer.concat([head, part(1), part(0), rest]),
      Buffer.concat([head, part(0), rest]),
      Buffer.concat([head, part(0), part(0), part(1), rest]),
      Buffer.concat([bytes, Buffer.from('more')]),
    ]) {
      expect(await read(changed)).toMatch(/^Failure: FILE is damaged, or incomplete: the part that begins at byte \d+/);
    }
  });

  test('of another format says so', async () => {
    expect(await read(Buffer.from('PRAGMA defer_foreign_keys=TRUE;\n'.repeat(9)))).toMatch(
      /^Failure: FILE is not a backup/,
    );
    for (const format of ['edgemint-backup 2\n', 'edgemint-backup 10\n']) {
      const newer = Buffer.from(bytes);
      newer.write(format);
      expect(await read(newer)).toBe('Failure: FILE was written by a newer edgemint. Restore it with that one.');
    }
    expect(await read(Buffer.alloc(0))).toMatch(/^Failure: FILE is not a backup/);
  });
});

test('keys of a deployment that are missing lead to the instance of npm start, and those of that instance do not', async () => {
  const missing = (worker?: string) => new Instance(worker, 'edgemint', '/nowhere/keys').keys();
  const error = '/nowhere/keys has no MASTER_KEY. Name the file with the keys of this instance with --keys-file.';
  await expect(missing('edgemint')).rejects.toThrow(`${error} For the instance of \`npm start\`, add \`--local\`.`);
  await expect(missing()).rejects.toThrow(new Failure(error));
});

describe('a dump of wrangler', () => {
  test('is parsed with quotes, line breaks, numbers and NULL', () => {
    const line = `INSERT INTO "t""x" ("a","b,c","d","e","f") VALUES('it''s (a), ''x''',replace(replace('one\\ntwo\\r','\\r',char(13)),'\\n',char(10)),NULL,-1.5e3,'');`;
    expect(parseInsert(line)).toEqual({
      table: 't"x',
      columns: ['a', 'b,c', 'd', 'e', 'f'],
      values: ["it's (a), 'x'", 'one\ntwo\r', null, -1500, ''],
    });
    expect(parseInsert('PRAGMA defer_foreign_keys=TRUE;')).toBeUndefined();
  });

  test.each([
    `INSERT INTO "t" ("a") VALUES(X'00');`,
    `INSERT INTO "t" ("a") VALUES('a'`,
    `INSERT INTO "t" ("a") VALUES('a');;`,
    `INSERT INTO "t" ("a","b") VALUES('a');`,
    `INSERT INTO t VALUES('a');`,
  ])('of an unknown form is refused: %s', (line) => {
    expect(() => parseInsert(line)).toThrow('in a form that this edgemint does not know');
  });
});

describe('the statements of a restore', () => {
  const HOSTILE = [
    "it's; --",
    'BEGIN TRANSACTION; COMMIT;',
    'line\nbreak\r\n\0end',
    "/* ' */ $1 ?1",
    '😀'.repeat(9),
    '',
  ];

  test('write every text as it is, and none that a splitter takes for SQL', () => {
    const database = new DatabaseSync(':memory:');
    for (const text of HOSTILE) {
      expect(database.prepare(`SELECT ${literal(text)} AS text`).get()).toEqual({ text });
      expect(literal(text)).not.toMatch(/;|BEGIN|--|\n/);
    }
  });

  test('stay below the length that D1 takes, also for a row that is longer', () => {
    const database = new DatabaseSync(':memory:');
    database.exec('CREATE TABLE "t" (id TEXT PRIMARY KEY, one TEXT, two TEXT, three INTEGER)');
    const rows = Array.from({ length: 500 }, (_, index) => [
      `id ${index}`,
      index === 250 ? '😀é;'.repeat(50_000) : HOSTILE.join(''),
      index === 250 ? 'x'.repeat(200_000) : null,
      index,
    ]);
    const statements = [...insertStatements('t', ['id', 'one', 'two', 'three'], rows)];
    for (const statement of statements) expect(Buffer.byteLength(statement)).toBeLessThan(100_000);
    database.exec(statements.join('\n'));
    const stored = database.prepare('SELECT id, one, two, three FROM t ORDER BY three').all();
    expect(stored.map((row) => Object.values(row))).toEqual(rows);
  });

  test('of older backups include what later migrations changed in rows', async () => {
    expect(await dataStatements(['0007_folded_names.sql', '0020_quotas.sql'])).toEqual([
      expect.stringMatching(/^UPDATE `organizations` SET `folded_name`/),
      expect.stringMatching(/^UPDATE `api_keys`/),
      expect.stringMatching(/^UPDATE `roles`/),
      expect.stringMatching(/^UPDATE `clients`/),
    ]);
    expect(await dataStatements(KNOWN_MIGRATIONS.slice(13))).toEqual([]);
  });
});

describe('the lists of tables', () => {
  const { RECORD_TABLES, HISTORY_TABLES, STATE_TABLES, LEFT_OUT_TABLES } = tables;
  const stored = Object.values(schema).filter((value) => is(value, SQLiteTable));

  test('have each table of the schema once', () => {
    const listed = [...RECORD_TABLES, ...HISTORY_TABLES, ...STATE_TABLES, ...LEFT_OUT_TABLES];
    expect(listed.sort()).toEqual([...stored.map(getTableName), 'd1_migrations'].sort());
  });

  test('name every column that is sealed or hashed', () => {
    const held = stored.filter((table) => ![...LEFT_OUT_TABLES].some((name) => name === getTableName(table)));
    const columnsLike = (pattern: RegExp) =>
      held.flatMap((table) =>
        getTableConfig(table)
          .columns.filter(({ name }) => pattern.test(name))
          .map(({ name }) => `${getTableName(table)}.${name}`),
      );
    const sealed = Object.entries(tables.SEALED_COLUMNS).map(([table, { column }]) => `${table}.${column}`);
    expect(columnsLike(/^sealed_(?!under)/).sort()).toEqual(sealed.sort());
    const hashed = Object.entries(tables.HASH_COLUMNS).flatMap(([table, columns]) =>
      columns.map((column) => `${table}.${column}`),
    );
    // That of a revoked id is not made with a master key.
    expect(columnsLike(/hash$/).sort()).toEqual([...hashed, 'live_revocations.hash'].sort());
  });
});
