import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { type Credentials, world } from '../http.ts';
import { admit, gateOf, gates, heldRecord, isTokenActive, push, tablesOf } from './gate.ts';

// The SQL of an older version, word for word. After a deploy this code meets its storage; after a rollback it meets ours.

const OLDER = {
  exists: "SELECT 1 FROM sqlite_schema WHERE name = 'record'",
  readRecord: 'SELECT json FROM record',
  createRecord: 'CREATE TABLE IF NOT EXISTS record (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)',
  createBucket:
    'CREATE TABLE IF NOT EXISTS bucket (id INTEGER PRIMARY KEY CHECK (id = 1), level REAL NOT NULL, at INTEGER NOT NULL)',
  writeRecord: 'INSERT OR REPLACE INTO record VALUES (1, ?)',
  readBucket: 'SELECT level, at FROM bucket',
  writeBucket: 'INSERT OR REPLACE INTO bucket VALUES (1, ?, ?)',
};

const LIMIT = { rate_limit: { per_minute: 1, burst: 20 } };

function inStorage<T>(client: Credentials, run: (sql: SqlStorage) => T): Promise<T> {
  return runInDurableObject(gateOf(client), (_, { storage }) => run(storage.sql));
}

async function admitted(client: Credentials, attempts: number): Promise<number> {
  const admissions = await Promise.all(Array.from({ length: attempts }, () => admit(client)));
  return admissions.filter(({ outcome }) => outcome === 'admitted').length;
}

test('storage of the version before is read: the record, and what is left of the burst', async () => {
  const { worker } = await world('older');
  await admit(worker);
  const { requestable_claims, may_rotate_secret, revocation_epoch, ...current } = await heldRecord(worker);
  const record = {
    ...current,
    ...LIMIT,
    secrets: current.secrets.map(({ hash, expires_at }) => ({ hash, expires_at })),
  };
  await inStorage(worker, (sql) => {
    for (const table of ['record', 'bucket', 'meter', 'cut_off']) sql.exec(`DROP TABLE IF EXISTS ${table}`);
    sql.exec(OLDER.createRecord);
    sql.exec(OLDER.createBucket);
    sql.exec(OLDER.writeRecord, JSON.stringify(record));
    sql.exec(OLDER.writeBucket, 5, Date.now());
  });
  await evictDurableObject(gateOf(worker));
  expect(await gates.activity(worker)).toEqual({
    outcome: 'activity',
    secrets: [],
    usage: [],
    issued: expect.anything(),
  });
  expect(await isTokenActive(worker, 1)).toBe(true);
  expect(await admitted(worker, 20)).toBe(5);
  expect(await tablesOf(worker)).toContain('meter');
  expect((await gates.activity(worker)).secrets).toEqual([]);
});

test('the version before finds what it expects, and what it then writes of the bucket is not forgotten', async () => {
  const { worker } = await world('returned', LIMIT);
  expect(await admitted(worker, 3)).toBe(3);
  await inStorage(worker, (sql) => {
    expect(sql.exec(OLDER.exists).toArray()).toHaveLength(1);
    expect(JSON.parse(sql.exec<{ json: string }>(OLDER.readRecord).one().json)).toMatchObject(LIMIT);
    expect(sql.exec(OLDER.readBucket).toArray()).toEqual([]);
    sql.exec(OLDER.writeBucket, 4, Date.now());
  });
  await evictDurableObject(gateOf(worker));
  expect(await admitted(worker, 20)).toBe(4);
});

test('the version before loads a client that was created again beside our note of its deletion, and ours believes it', async () => {
  const { worker } = await world('returned-deleted');
  await admit(worker);
  const record = await heldRecord(worker);
  const version = await push(worker, null);
  await inStorage(worker, (sql) => {
    expect(sql.exec(OLDER.readRecord).toArray()).toEqual([]);
    sql.exec(OLDER.createRecord);
    sql.exec(OLDER.createBucket);
    sql.exec(OLDER.writeRecord, JSON.stringify({ ...record, version: version + 1, access_token_ttl: 77 }));
  });
  await evictDurableObject(gateOf(worker));
  expect(await admit(worker)).toMatchObject({ outcome: 'admitted', grant: { access_token_ttl: 77 } });

  // A record that is older than the deletion is ignored.
  await inStorage(worker, (sql) => sql.exec(OLDER.writeRecord, JSON.stringify(record)));
  await env.DB.prepare('DELETE FROM version_sequence').run();
  await evictDurableObject(gateOf(worker));
  expect(await admit(worker)).toMatchObject({ outcome: 'invalid_client', known: false });
});
