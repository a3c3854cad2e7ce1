import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AUDIT_AGE, IDEMPOTENCY_AGE, USAGE_AGE } from '../../src/constants.ts';
import { SIGNING_KEY_MAX_AGE_DEFAULT } from '../../src/platform/constants.ts';
import { SCHEDULE } from '../../src/store/actors.ts';
import { BACKGROUND_TASKS, type BackgroundTask } from '../../src/store/background-tasks.ts';
import {
  CHANGE_AGE,
  CONSOLE_LINK_AGE,
  LIVE_REVOCATION_GRACE,
  QUOTA_USAGE_LAG,
  WEBHOOK_DELIVERY_AGE,
} from '../../src/store/constants.ts';
import { api as ask, type Credentials, create, createClient, done, getToken, send, world } from '../http.ts';
import { type Fault, failing, type Store, startNewIsolate, withFault } from '../instruments.ts';
import { consoleOf } from '../log/lines.ts';
import { type Row, rowsOf, tables } from '../management/rows.ts';
import { bothRecords, failingPushes, runScheduled } from './owed.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const TASKS = BACKGROUND_TASKS.filter((task) => task !== 'flush_usage');

type Tables = Readonly<Record<string, readonly Row[]>>;
type Entries = Readonly<Record<string, string>>;

/** The content of D1 and KV. */
interface State {
  readonly rows: Tables;
  readonly kv: Entries;
}

async function everything(): Promise<State> {
  const names = await tables();
  // The row order of these tables depends on which run did a task first.
  const orders: Readonly<Record<string, string>> = {
    background_tasks: 'name',
    webhook_notices: 'type, at',
    audit_events: 'at, action, target',
  };
  const order = (name: string) => orders[name] ?? 'rowid';
  const all = names.map((name) => env.DB.prepare(`SELECT * FROM ${name} ORDER BY ${order(name)}`));
  const found = await env.DB.batch<Row>(all);
  const { keys } = await env.KV.list();
  const entries = await Promise.all(keys.map(async ({ name }) => [name, (await env.KV.get(name)) ?? ''] as const));
  return {
    rows: Object.fromEntries(names.map((name, index) => [name, found[index]?.results ?? []])),
    kv: Object.fromEntries(entries),
  };
}

/** Restores both stores to exactly this state. */
async function restore({ rows, kv }: State): Promise<void> {
  const inserts = Object.entries(rows).flatMap(([name, all]) =>
    all.map((row) => {
      const columns = Object.keys(row);
      const places = columns.map(() => '?').join();
      return env.DB.prepare(`INSERT INTO ${name} (${columns.join()}) VALUES (${places})`).bind(...Object.values(row));
    }),
  );
  const deletes = Object.keys(rows).map((name) => env.DB.prepare(`DELETE FROM ${name}`));
  await env.DB.batch([env.DB.prepare('PRAGMA defer_foreign_keys = on'), ...deletes, ...inserts]);
  const { keys } = await env.KV.list();
  await Promise.all(keys.filter(({ name }) => !(name in kv)).map(({ name }) => env.KV.delete(name)));
  await Promise.all(Object.entries(kv).map(([key, value]) => env.KV.put(key, value)));
}

/** Replaces random ids and keys by names in order of appearance, so that two states can be compared. */
function comparable({ rows, kv }: State): unknown {
  const names = new Map<string, string>();
  const drawn = /^(evt_\w+|[\w-]{43}|ey[\w-]+\.[\w-]*\.[\w.-]+)$/;
  const written = Number(initial.rows.version_sequence?.[0]?.value);
  const known = new Set(initialText().match(/[\w-]{43}|evt_\w+|ey[\w.-]+/g));
  const named = (value: unknown): unknown => {
    if (typeof value === 'string' && drawn.test(value) && !known.has(value)) {
      names.set(value, names.get(value) ?? `drawn ${names.size}`);
      return names.get(value);
    }
    if (typeof value === 'string' && /^[[{]/.test(value)) return named(JSON.parse(value));
    if (Array.isArray(value)) return value.map(named);
    if (value instanceof Object) {
      // Which of the run's writes came first depends on what failed.
      const isLater = (key: string, one: unknown) => key === 'version' && Number(one) > written;
      return Object.fromEntries(
        Object.entries(value).map(([key, one]) => [key, isLater(key, one) ? 'later' : named(one)]),
      );
    }
    return value;
  };
  // The key material differs each time, and so does the order in which keys are created.
  const keysOf = (keys: readonly Row[]) =>
    keys
      .map(({ kid, public_jwk, publicJwk, sealed_private_jwk, sealedPrivateJwk, ...life }) => ({
        ...life,
        is: known.has(String(kid)) ? kid : 'made',
      }))
      .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  const { 'key-ring': ring = '[]', ...others } = kv;
  return {
    kv: { ...others, ring: keysOf(JSON.parse(ring)) },
    // A webhook whose sender failed is leased for a while: the next run passes it over.
    rows: {
      ...(named({ ...rows, signing_keys: [], webhooks: [] }) as object),
      signing_keys: keysOf(rows.signing_keys ?? []),
    },
  };
}

let worker: Credentials;
let initial: State;
const initialText = () => JSON.stringify(initial);
/** The time at which every task has work, in milliseconds since the epoch. */
let due: number;
let good: unknown;

// Gives each task work: keys to rotate, one key to remove, a revoked key that KV does not have yet, a push owed to a gate, and rows of
// every kind that have exceeded their retention.
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  const { api, ...made } = await world('scheduled');
  worker = made.worker;
  await getToken(worker);
  const rotate = (body: object) => done('POST', 'signing-keys/rotate', { body });
  await rotate({ alg: 'ES256' });
  const rotated = await createClient({ organization_id: made.organization, client_name: 'with two secrets' });
  await createClient({ organization_id: made.organization, client_name: 'unused' });
  await create('api-keys', { organization_id: made.organization, name: 'expiring', scopes: ['clients:read'] });
  // No client is its own, so that no other task changes its usage.
  const { id: counted } = await done('POST', 'organizations', { body: { name: 'with a quota' } });
  due = Date.now() + SIGNING_KEY_MAX_AGE_DEFAULT * 1000;
  vi.setSystemTime(due);
  startNewIsolate();
  const client = `clients/${worker.client_id}`;
  await failingPushes(worker, async () =>
    expect((await ask('PATCH', client, { body: { access_token_ttl: 120 } })).status).toBe(503),
  );
  await failing('kv', () => rotate({ alg: 'EdDSA', emergency: true }));
  // Prevent a rotation of the RS256 key, because generating an RSA key is slow.
  await env.DB.prepare("UPDATE signing_keys SET activated_at = ? WHERE alg = 'RS256' AND status = 'active'")
    .bind(due)
    .run();
  const old = (sql: string, age: number) => env.DB.prepare(sql).bind(due - age * 1000 - 1);
  await env.DB.batch([
    old("INSERT INTO audit_events VALUES ('old', ?, NULL, 'root', 'x', 'y', NULL, '{}', NULL, NULL)", AUDIT_AGE),
    old("INSERT INTO idempotency_keys VALUES ('root', 'old', 'x', 1, 200, '', ?)", IDEMPOTENCY_AGE),
    old("INSERT INTO client_usage VALUES ('old', ?, 'issued', 1)", USAGE_AGE),
    env.DB.prepare("INSERT INTO client_usage VALUES (?, ?, 'issued', 1)").bind(worker.client_id, due - 3_600_000),
    old("INSERT INTO changes VALUES (1, NULL, 'x', 'y', 501, ?, 0)", CHANGE_AGE),
    old("INSERT INTO reserved_identifiers VALUES ('old', NULL, 1, ?)", 0),
    old(
      "INSERT INTO webhook_deliveries VALUES ('old', 'x', 'y', 'delivered', 1, NULL, ?1, ?1, ?1, 200, NULL)",
      WEBHOOK_DELIVERY_AGE,
    ),
    // That of the rotation above, which would be as old as those that are purged.
    env.DB.prepare('DELETE FROM webhook_notices'),
    old(
      "INSERT INTO live_revocations VALUES (1, '', '', 'client', 'old', '', NULL, 1, 1, ? / 1000)",
      LIVE_REVOCATION_GRACE + 1,
    ),
    old(
      "INSERT INTO console_sessions VALUES ('old', 'x', 'root', 'root', NULL, NULL, NULL, NULL, NULL, 'x', 0, ?, 'root')",
      0,
    ),
    old(
      "INSERT INTO console_links VALUES ('old', 'x', 'root', 'root', NULL, NULL, NULL, NULL, NULL, 'x', 0, ?, NULL)",
      CONSOLE_LINK_AGE,
    ),
    // Expired as well, but the newest one stays.
    env.DB.prepare("INSERT INTO live_revocations VALUES (2, '', '', 'client', 'newest', '', NULL, 1, 1, 0)"),
    // As older code left it.
    env.DB.prepare('UPDATE resource_servers SET comparable = NULL'),
    env.DB.prepare('UPDATE api_keys SET expires_at = ? WHERE organization_id = ?').bind(due + DAY, made.organization),
    env.DB.prepare('UPDATE clients SET expires_at = ? WHERE client_id = ?').bind(due + DAY, api.client_id),
    env.DB.prepare('UPDATE client_secrets SET expires_at = ? WHERE client_id = ?').bind(due + DAY, api.client_id),
    env.DB.prepare(
      `INSERT INTO client_secrets (id, client_id, rank, hash, hint, created_at, rotated_at)
      VALUES ('sec_quiet', ?, 'secondary', 'quiet', 'tAil', 1, 1)`,
    ).bind(rotated.client_id),
    // One client is to be reported, one was reported before, one is in use as far as D1 knows, and one is an exception.
    env.DB.prepare(
      'UPDATE organizations SET unused_report_days = 1, unused_disable_days = 25, unused_policy_since = 0, unused_check_at = ? WHERE id = ?',
    ).bind(due, made.organization),
    env.DB.prepare('UPDATE clients SET last_used_at = ? WHERE client_id = ?').bind(due, worker.client_id),
    env.DB.prepare('UPDATE clients SET unused_excepted = 1 WHERE client_id = ?').bind(api.client_id),
    env.DB.prepare('UPDATE clients SET unused_reported_at = ? WHERE client_id = ?').bind(
      due - 20 * DAY,
      rotated.client_id,
    ),
    env.DB.prepare(
      `UPDATE organizations SET quota = '{"tokens_per_day":10,"tokens_per_month":null,"action":"warn"}' WHERE id = ?`,
    ).bind(counted),
    env.DB.prepare(`INSERT OR REPLACE INTO usage_days VALUES (?, ?, '{"outcomes":{"issued":{"0":10}}}', '{}')`).bind(
      counted,
      Math.floor((due - QUOTA_USAGE_LAG * 1000) / DAY) * DAY,
    ),
    // It is due, and nothing is pending for it.
    env.DB.prepare(
      `INSERT INTO webhooks VALUES ('wh', NULL, 'due', 'due', '', 'https://due.example.com/', '[]', 'active', NULL, '[]', '', '', ?, 0, 0, NULL,
      1, 0, 0)`,
    ).bind(due),
  ]);
  initial = await everything();
  await runScheduled();
  good = comparable(await everything());
}, 60_000);

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: due });
  await restore(initial);
});

afterEach(() => {
  vi.useRealTimers();
});

/** Returns for each task whether its work is done. */
async function isDone(): Promise<Readonly<Record<(typeof TASKS)[number], boolean>>> {
  const { rows, kv } = await everything();
  const before = initial.rows.signing_keys ?? [];
  const kids = (status: string, alg: string, keys = rows.signing_keys ?? []) =>
    keys.filter((key) => key.status === status && key.alg === alg).map(({ kid }) => kid);
  const revoked = initial.rows.revoked_signing_keys?.map(({ kid }) => `revoked-key:${kid}`) ?? [];
  const ring = JSON.parse(kv['key-ring'] ?? '[]') as { kid: string }[];
  const has = (table: string, isOld: (row: Row) => boolean) => (rows[table] ?? []).some(isOld);
  return {
    rotate_signing_keys: kids('active', 'ES256')[0] === kids('next', 'ES256', before)[0],
    remove_signing_keys: kids('retiring', 'ES256', before).every((kid) => !kids('retiring', 'ES256').includes(kid)),
    copy_key_ring:
      rows.revoked_signing_keys?.length === 0 &&
      revoked.every((key) => key in kv) &&
      JSON.stringify(ring.map(({ kid }) => kid).sort()) ===
        JSON.stringify((rows.signing_keys ?? []).map(({ kid }) => kid).sort()),
    migrate_identifiers: !has('resource_servers', ({ comparable: form }) => form === null),
    migrate_usage: !has('client_usage', ({ client_id }) => client_id === worker.client_id),
    migrate_secrets: !has('client_secrets', ({ organization_id }) => organization_id === null),
    resume_pushes: rows.gate_pushes?.length === 0,
    purge: !(
      has('audit_events', ({ id }) => id === 'old') ||
      has('idempotency_keys', ({ key }) => key === 'old') ||
      has('client_usage', ({ client_id }) => client_id === 'old') ||
      has('changes', ({ version }) => version === 1) ||
      has('reserved_identifiers', ({ comparable: form }) => form === 'old') ||
      has('webhook_deliveries', ({ event_id }) => event_id === 'old') ||
      has('live_revocations', ({ hash }) => hash === 'old') ||
      has('console_sessions', ({ hash }) => hash === 'old') ||
      has('console_links', ({ hash }) => hash === 'old') ||
      !has('live_revocations', ({ hash }) => hash === 'newest')
    ),
    notice_expiring_api_keys: !has(
      'api_keys',
      ({ expires_at, noticed_end }) => Number(expires_at) > Date.now() && noticed_end !== expires_at,
    ),
    check_quotas: !has('organizations', ({ quota, quota_checked_at }) => quota !== null && quota_checked_at === 0),
    notice_expiring_clients: !has(
      'clients',
      ({ expires_at, expiry_noticed }) => Number(expires_at) > Date.now() && expiry_noticed === 0,
    ),
    notice_expiring_secrets: !has(
      'client_secrets',
      ({ expires_at, expiry_noticed }) => Number(expires_at) > Date.now() && expiry_noticed === 0,
    ),
    disable_unused_clients:
      has('webhook_notices', ({ type }) => type === 'client.unused') &&
      has('clients', ({ status, unused_since }) => status === 'disabled' && unused_since === 0) &&
      has('organizations', ({ unused_check_at }) => Number(unused_check_at) > due),
    notice_unused_secrets: !has(
      'client_secrets',
      ({ rank, disuse_noticed }) => rank === 'secondary' && disuse_noticed === 0,
    ),
    send_webhooks: !has('webhooks', ({ due_at }) => due_at !== null),
  };
}

const ALL_DONE = Object.fromEntries(TASKS.map((task) => [task, true]));

/** Returns the tasks with a recorded success at that time. */
async function succeeded(at = due): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>('SELECT name FROM background_tasks WHERE succeeded_at = ?', at);
  return rows.map(({ name }) => name);
}

/** Returns a fault that counts a store's calls and makes one of them fail: either the call is not made, or its answer is lost. */
function failingAtCall(number: number, how: 'is not made' | 'loses its answer') {
  let count = 0;
  const fault: Fault = async (call) => {
    count++;
    if (count !== number) return call();
    if (how === 'loses its answer') await call();
    throw new Error('Network connection lost.');
  };
  return { fault, count: () => count };
}

test('there is something to do for every task, and one run does all of it', async () => {
  expect(initial.rows.revoked_signing_keys).toHaveLength(1);
  expect(Object.values(await isDone())).toEqual(TASKS.map(() => false));
  await runScheduled();
  expect(await isDone()).toEqual(ALL_DONE);
  expect((await succeeded()).sort()).toEqual([...TASKS].sort());
  const { d1, gate } = await bothRecords(worker);
  expect(gate).toEqual(d1);
  expect((await getToken(worker)).expires_in).toBe(120);
});

/** Returns the results of the scheduled tasks in the log while a function runs. */
async function taskResults(during: () => Promise<unknown>): Promise<[task: string, ok: boolean, counts: unknown][]> {
  const lines = await consoleOf(during);
  return lines.flatMap(({ text }) => {
    const { event, task, ok, counts } = JSON.parse(text);
    return event === 'scheduled' ? [[task, ok, counts] as [string, boolean, unknown]] : [];
  });
}

test('the log tells how much each task did, and nothing of one that found nothing to do', async () => {
  expect(await taskResults(runScheduled)).toEqual([
    // Only ES256: EdDSA's next key is as young as the emergency rotation, and RS256's active key was made young above.
    ['rotate_signing_keys', true, { rotated: 1 }],
    ['remove_signing_keys', true, { removed: 1 }],
    ['copy_key_ring', true, { revoked: 1, copied: 1 }],
    ['resume_pushes', true, { delivered: 1, failed: 0 }],
    ['migrate_identifiers', true, { migrated: 1, collisions: 0 }],
    ['migrate_usage', true, { moved: 1 }],
    ['migrate_secrets', true, { migrated: 1 }],
    [
      'purge',
      true,
      {
        audit_events: 1,
        idempotency_keys: 1,
        usage: 1,
        changes: 1,
        reserved_identifiers: 1,
        webhook_deliveries: 1,
        live_revocations: 1,
        console_sessions: 1,
        console_links: 1,
      },
    ],
    ['notice_expiring_api_keys', true, { noticed: 1 }],
    ['notice_expiring_clients', true, { noticed: 1 }],
    ['notice_expiring_secrets', true, { noticed: 1 }],
    ['disable_unused_clients', true, { reported: 1, disabled: 1 }],
    ['notice_unused_secrets', true, { noticed: 1 }],
    ['check_quotas', true, { noticed: 1 }],
  ]);
  expect(await taskResults(runScheduled)).toEqual([]);
});

test.each([2, 5])(
  '%d runs at once leave what one leaves, none of them failing, and one alone rotates',
  async (runs) => {
    const lines = await taskResults(() => Promise.all(Array.from({ length: runs }, runScheduled)));
    expect(lines.filter(([, ok]) => !ok)).toEqual([]);
    expect(lines.filter(([task]) => task === 'rotate_signing_keys')).toHaveLength(1);
    expect(comparable(await everything())).toEqual(good);
  },
);

test('a run after the run changes nothing but when it was', async () => {
  await runScheduled();
  const { rows, kv } = await everything();
  vi.setSystemTime(due + MINUTE);
  await runScheduled();
  const after = await everything();
  expect({ ...after.rows, background_tasks: [] }).toEqual({ ...rows, background_tasks: [] });
  expect(after.kv).toEqual(kv);
  expect((await succeeded(due + MINUTE)).sort()).toEqual([...TASKS].sort());
});

test.each([1, 9, 400])('a run that comes %d days late does all of it, and each thing once', async (days) => {
  vi.setSystemTime(due + days * DAY);
  await Promise.all([runScheduled(), runScheduled()]);
  await runScheduled();
  expect(await isDone()).toEqual(ALL_DONE);
  const rotations = await rowsOf<{ changes: string }>(
    "SELECT changes FROM audit_events WHERE action = 'signing_keys.rotated' AND actor = ?",
    SCHEDULE,
  );
  const activated = rotations.flatMap(({ changes }) => (JSON.parse(changes) as { active: string[] }).active);
  const before = (initial.rows.signing_keys ?? []).filter(({ status }) => status === 'next').map(({ kid }) => kid);
  // However late the run is, each algorithm's existing next key starts to sign, and the new key becomes the next one.
  expect(before).toEqual(expect.arrayContaining(activated));
  expect(new Set(activated).size).toBe(activated.length);
  const places = await rowsOf(
    'SELECT alg, status FROM signing_keys WHERE status <> ? ORDER BY alg, status',
    'retiring',
  );
  expect(places).toEqual(
    ['ES256', 'EdDSA', 'RS256'].flatMap((alg) => ['active', 'next'].map((status) => ({ alg, status }))),
  );
});

test('a run that comes before another’s that was later does not put back when it was', async () => {
  vi.setSystemTime(due + MINUTE);
  await runScheduled();
  vi.setSystemTime(due);
  await runScheduled();
  expect((await succeeded(due + MINUTE)).sort()).toEqual([...TASKS].sort());
});

describe.each(['d1', 'kv', 'gate'] satisfies Store[])('%s failing at one call of the run, each in turn', (store) => {
  test.each(['is not made', 'loses its answer'] as const)(
    'the call %s: the next run leaves what one leaves',
    async (how) => {
      let failures = 0;
      for (let number = 1; ; number++) {
        await restore(initial);
        const { fault, count } = failingAtCall(number, how);
        await withFault(store, fault, runScheduled);
        if (count() < number) break;
        failures++;
        const noted = await succeeded();
        // Either one task alone failed, or the write that records the successes failed.
        if (noted.length > 0) expect(noted.length, `call ${number}`).toBeGreaterThanOrEqual(TASKS.length - 1);
        const finished = await isDone();
        for (const task of noted.filter((name) => name !== 'resume_pushes')) {
          expect(finished, `call ${number}: ${task}`).toMatchObject({ [task]: true });
        }
        await runScheduled();
        expect(comparable(await everything()), `call ${number}`).toEqual(good);
      }
      expect(failures).toBeGreaterThan(0);
    },
  );
});

const STATEMENTS: Readonly<Record<(typeof TASKS)[number], string>> = {
  rotate_signing_keys: 'update "signing_keys"',
  remove_signing_keys: 'delete from "signing_keys"',
  copy_key_ring: 'from "revoked_signing_keys"',
  migrate_identifiers: 'select "id", "identifier" from "resource_servers"',
  migrate_usage: 'select "client_id", "hour", "outcome", "count" from "client_usage"',
  migrate_secrets: 'UPDATE "client_secrets" SET organization_id',
  resume_pushes: 'MAX("version")',
  purge: 'delete from "audit_events"',
  notice_expiring_api_keys: '"secondary_noticed_end" IS NOT',
  check_quotas: '"organizations"."quota" IS NOT NULL',
  notice_expiring_clients: '"clients"."expiry_noticed" = 0',
  notice_expiring_secrets: '"client_secrets"."expiry_noticed" = 0',
  disable_unused_clients: '"unused_check_at" is not null',
  notice_unused_secrets: '"disuse_noticed" = 0',
  send_webhooks: 'ROW_NUMBER()',
};

test.each(TASKS)('%s failing is its own failure alone, and it alone is not noted to have succeeded', async (task) => {
  const fault: Fault = (call, sql) =>
    sql.includes(STATEMENTS[task]) ? Promise.reject(new Error('Network connection lost.')) : call();
  await withFault('d1', fault, runScheduled);
  expect(await isDone()).toEqual({ ...ALL_DONE, [task]: false });
  expect((await succeeded()).sort()).toEqual(TASKS.filter((other) => other !== task).sort());
});

test('with KV gone all but what KV is to have is done', async () => {
  await failing('kv', runScheduled);
  expect(await isDone()).toEqual({ ...ALL_DONE, copy_key_ring: false });
  expect((await succeeded()).sort()).toEqual(TASKS.filter((task) => task !== 'copy_key_ring').sort());
  await runScheduled();
  expect(comparable(await everything())).toEqual(good);
});

test('with D1 gone nothing is done, nothing thrown, and the next run does it', async () => {
  await failing('d1', runScheduled);
  expect(await everything()).toEqual(initial);
  await runScheduled();
  expect(comparable(await everything())).toEqual(good);
});

test('/healthz tells of the tasks that succeeded', async () => {
  startNewIsolate();
  await runScheduled();
  const { last_success } = await (await send('/healthz')).json<{ last_success: Record<BackgroundTask, string> }>();
  for (const task of TASKS) expect(last_success[task]).toBe(new Date(due).toISOString());
});
