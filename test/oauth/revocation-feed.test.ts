import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { base64url, createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  FEED_FIRST_ENTRIES,
  FEED_LAG_MS,
  FEED_MAX_AGE,
  FEED_PAGE_ENTRIES,
  FEED_QUERIES_AT_ONCE,
  FEED_QUERY_INTERVAL_MS,
  FEED_RECHECK_MS,
} from '../../src/oauth/constants.ts';
import { database } from '../../src/store/database.ts';
import { insertLiveRevocations } from '../../src/store/live-revocations.ts';
import { alarmOf, gateOf, gates, tablesOf } from '../client-gate/gate.ts';
import { api, type Credentials, create, done, getToken, ISSUER, introspect, revoke, send, world } from '../http.ts';
import { calls, failing, hanging, resetCalls, startNewIsolate, withFault } from '../instruments.ts';

const PATH = '/oauth2/revocations';
const START = new Date('2027-08-01T10:00:00Z').getTime();

type Client = Pick<Credentials, 'client_id'>;

interface Page {
  iss: string;
  aud: string;
  iat: number;
  audience: string;
  as_of: number;
  since: number;
  version: number;
  more: boolean;
  tokens: [hash: string, expiresAt: number, client?: string][];
  clients: [hash: string, cutOff: number | null, isDisabled: 0 | 1, expiresAt: number][];
  tokens_from?: number;
}

// Ahead of the runtime's clock, so that no alarm goes off by itself.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

const later = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);
const seconds = () => Math.floor(Date.now() / 1000);

function ask(audience: string, since?: number | string, init: RequestInit = {}): Promise<Response> {
  const query = new URLSearchParams({ audience, ...(since !== undefined && { since: String(since) }) });
  return send(`${PATH}?${query}`, init);
}

async function textOf(response: Response): Promise<string> {
  // The runtime warns if the text of a type that it does not know is read.
  return new TextDecoder().decode(await response.arrayBuffer());
}

/** Reads a page in this isolate. */
async function readHere(audience: string, since?: number): Promise<Page> {
  const answer = await ask(audience, since);
  const text = await textOf(answer);
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return decodeJwt<Page>(text);
}

/** Reads a page in a new isolate. */
function read(audience: string, since?: number): Promise<Page> {
  startNewIsolate();
  return readHere(audience, since);
}

async function readAll(audience: string): Promise<Page[]> {
  const pages = [await readHere(audience)];
  for (let last = pages.at(-1); last?.more; last = pages.at(-1)) pages.push(await readHere(audience, last.version));
  return pages;
}

async function hashOf(id: unknown): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(String(id))));
  return base64url.encode(digest.slice(0, 16));
}

function owedBy(client: Client): Promise<{ key: string; due_at: number; attempts: number }[]> {
  return runInDurableObject(gateOf(client), (_, { storage: { sql } }) => {
    const exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'feed_outbox'").toArray().length > 0;
    return exists
      ? sql.exec<{ key: string; due_at: number; attempts: number }>('SELECT * FROM feed_outbox').toArray()
      : [];
  });
}

/** Lets the client's gate deliver what it owes. */
async function deliver(client: Client): Promise<void> {
  await runDurableObjectAlarm(gateOf(client));
  expect(await owedBy(client)).toEqual([]);
}

/** Creates a client that has a token, at a resource server of its own organization and at a shared one. */
async function scene(name: string) {
  const shared = `https://shared-${name}.example.com`;
  await create('resource-servers', { identifier: shared, name: 'shared', scopes: [{ name: 'use' }] });
  const here = await world(name);
  const grants = [
    { resource_server: here.identifier, scopes: ['read'] },
    { resource_server: shared, scopes: ['use'] },
  ];
  await done('PATCH', `clients/${here.worker.client_id}`, { body: { grants } });
  const { access_token: token } = await getToken(here.worker, { resource: here.identifier });
  return { ...here, shared, token, claims: decodeJwt<{ client_id: string }>(token) };
}

describe('a revoked token', () => {
  test('of the client itself is in the feed of its audience, which is signed by a key of the JWKS', async () => {
    const { worker, identifier, shared, token, claims } = await scene('own');
    expect((await revoke(worker, token)).status).toBe(200);
    await deliver(worker);
    startNewIsolate();
    const answer = await ask(identifier);
    const { headers } = answer;
    expect([headers.get('Content-Type'), headers.get('Cache-Control')]).toEqual([
      'application/jwt',
      'public, max-age=5',
    ]);
    const keys = await (await send('/.well-known/jwks.json')).json<JSONWebKeySet>();
    const { payload, protectedHeader } = await jwtVerify<Page>(await textOf(answer), createLocalJWKSet(keys), {
      issuer: ISSUER,
      audience: `${ISSUER}${PATH}`,
      typ: 'revocations+jwt',
    });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'revocations+jwt', kid: expect.any(String) });
    expect(payload).toEqual({
      iss: ISSUER,
      aud: `${ISSUER}${PATH}`,
      iat: seconds(),
      audience: identifier,
      as_of: seconds() - FEED_LAG_MS / 1000,
      since: 0,
      version: expect.any(Number),
      more: false,
      tokens: [[await hashOf(claims.jti), claims.exp]],
      clients: [],
    });
    expect((await read(shared)).tokens).toEqual([]);
  });

  test('that an administrator names by its text is there as well', async () => {
    const { worker, identifier, shared, token, claims } = await scene('by-text');
    await done('POST', 'tokens/revoke', { body: { token } });
    await deliver(worker);
    expect((await read(identifier)).tokens).toEqual([[await hashOf(claims.jti), claims.exp]]);
    expect((await read(shared)).tokens).toEqual([]);
  });

  test('that an administrator names by its parts is in the feeds of all audiences, for that client only', async () => {
    const { worker, identifier, shared } = await scene('by-parts');
    const { client_id } = worker;
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    await done('POST', 'tokens/revoke', { body: { jti: 'of-somebody', client_id, expires_at } });
    await deliver(worker);
    const entry = [await hashOf('of-somebody'), seconds() + 60, await hashOf(client_id)];
    for (const audience of [identifier, shared]) expect((await read(audience)).tokens).toEqual([entry]);
    expect((await read((await world('elsewhere')).identifier)).tokens).toEqual([]);
  });

  test('for which an older edge names no audience is in the feeds of all, once however often it is revoked', async () => {
    const { worker, identifier, shared } = await scene('older-edge');
    const request = { client_id: worker.client_id, jti: 'older', expires_at: seconds() + 60 };
    for (const _ of [1, 2]) {
      await gates.revokeToken(request);
      await deliver(worker);
    }
    const hash = await hashOf('older');
    for (const audience of [identifier, shared]) {
      expect((await read(audience)).tokens.filter(([found]) => found === hash)).toHaveLength(1);
    }
  });

  test('leaves the feed with its expiry and some minutes for clocks', async () => {
    const { worker, identifier, token } = await scene('expired');
    await revoke(worker, token);
    await deliver(worker);
    later(3600_000 + 290_000);
    expect((await read(identifier)).tokens).toHaveLength(1);
    later(20_000);
    expect((await read(identifier)).tokens).toEqual([]);
  });
});

describe('a client', () => {
  /** What an administrator does to a client, and whether it is then disabled. */
  const ACTS: readonly (readonly [string, (made: Awaited<ReturnType<typeof scene>>) => Promise<unknown>, 0 | 1])[] = [
    ['whose tokens are revoked', ({ worker }) => done('POST', `clients/${worker.client_id}/revoke-tokens`), 0],
    [
      'that is disabled',
      ({ worker }) => done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } }),
      1,
    ],
    ['that is deleted', ({ worker }) => done('DELETE', `clients/${worker.client_id}`), 0],
    [
      'of a disabled organization',
      ({ organization }) => done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } }),
      1,
    ],
    [
      'of an organization whose tokens are revoked',
      ({ organization }) => done('POST', `organizations/${organization}/revoke-tokens`),
      0,
    ],
  ];

  test.each(ACTS)('%s is in the feeds of its audiences', async (name, act, isDisabled) => {
    const made = await scene(name.replaceAll(' ', '-').slice(-30));
    const { worker, identifier, shared } = made;
    later(10_000);
    await act(made);
    await deliver(worker);
    const entry = [await hashOf(worker.client_id), seconds(), isDisabled, seconds() + 86_400 + 60];
    expect((await read(identifier)).clients).toEqual([entry]);
    // The last one: the shared resource server has the clients of all tests.
    expect((await read(shared)).clients.at(-1)).toEqual(entry);
    const { identifier: foreign } = await world(`foreign-${crypto.randomUUID()}`);
    expect((await read(foreign)).clients).toEqual([]);
  });

  test('that is enabled again is so in the feed: a later entry, in place of the one before', async () => {
    const { worker, identifier } = await scene('enabled');
    const set = async (status: string) => {
      later(10_000);
      await done('PATCH', `clients/${worker.client_id}`, { body: { status } });
      await deliver(worker);
      return { page: await read(identifier), at: seconds() };
    };
    const disabled = await set('disabled');
    const enabled = await set('active');
    expect(enabled.page.clients).toEqual([[await hashOf(worker.client_id), enabled.at, 0, enabled.at + 86_460]]);
    expect(enabled.page.version).toBeGreaterThan(disabled.page.version);
    expect((await read(identifier, disabled.page.version)).clients).toEqual(enabled.page.clients);
  });

  test('of another organization is only in the feeds of shared resource servers', async () => {
    const one = await scene('one');
    const other = await scene('other');
    await done('PATCH', `clients/${other.worker.client_id}`, { body: { status: 'disabled' } });
    await deliver(other.worker);
    const hash = await hashOf(other.worker.client_id);
    const has = async (audience: string) => (await read(audience)).clients.some(([found]) => found === hash);
    expect([await has(one.identifier), await has(one.shared), await has(other.identifier)]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test('keeps its later state if an earlier one arrives late or twice', async () => {
    const { worker, organization, identifier } = await scene('late');
    const { client_id } = worker;
    const state = (version: number, cut_off: number, is_disabled: boolean) =>
      ({
        kind: 'client',
        client_id,
        organization_id: organization,
        version,
        cut_off,
        is_disabled,
        expires_at: seconds() + 60,
      }) as const;
    const db = database(env.DB);
    const insert = async (...states: ReturnType<typeof state>[]) => {
      await insertLiveRevocations(db, states, Date.now());
      return read(identifier);
    };
    const { version } = await insert(state(8, 100, true));
    const enabled = await insert(state(9, 200, false));
    expect(enabled.clients).toEqual([[await hashOf(client_id), 200, 0, seconds() + 60]]);
    for (const late of [state(8, 100, true), state(9, 200, false), state(9, 150, false)]) {
      expect(await insert(late)).toMatchObject({ version: enabled.version, clients: enabled.clients });
    }
    expect((await insert(state(9, 300, false))).clients[0]?.[1]).toBe(300);
    expect(enabled.version).toBeGreaterThan(version);
  });
});

describe('a gate', () => {
  test('that revokes nothing has no outbox for the feed', async () => {
    const { worker } = await world('quiet');
    await getToken(worker);
    expect(await tablesOf(worker)).not.toContain('feed_outbox');
  });

  test('keeps what it owes while D1 is down, through an eviction, and tries again within half a minute', async () => {
    const { worker, identifier, token } = await scene('owing');
    await failing('d1', async () => {
      expect((await revoke(worker, token)).status).toBe(200);
      for (let attempt = 1; attempt < 12; attempt++) {
        await runDurableObjectAlarm(gateOf(worker));
        const [row] = await owedBy(worker);
        expect(row).toMatchObject({ attempts: attempt });
        expect(row?.due_at).toBeLessThanOrEqual(Date.now() + 30_000);
        expect(await alarmOf(worker)).toBeLessThanOrEqual(row?.due_at ?? 0);
        vi.setSystemTime(row?.due_at ?? 0);
      }
    });
    await evictDurableObject(gateOf(worker));
    expect((await read(identifier)).tokens).toEqual([]);
    await runDurableObjectAlarm(gateOf(worker));
    expect((await read(identifier)).tokens).toHaveLength(1);
    // It is inserted once more, since an attempt that failed may still be under way, and is no news then.
    const { version } = await read(identifier);
    later(120_000);
    await deliver(worker);
    expect((await read(identifier)).version).toBe(version);
  });

  test('inserts at once what is revoked while its alarm waits for KV', async () => {
    const { worker, identifier, token } = await scene('slow-kv');
    const { access_token: second } = await getToken(worker, { resource: identifier });
    const listed = async () => (await read(identifier)).tokens.length;
    await hanging('kv', async () => {
      await revoke(worker, token);
      let hasEnded = false;
      const alarm = runDurableObjectAlarm(gateOf(worker)).finally(() => {
        hasEnded = true;
      });
      await vi.waitFor(async () => expect(await listed()).toBe(1));
      await revoke(worker, second);
      await vi.waitFor(async () => expect(await listed()).toBe(2));
      expect(hasEnded).toBe(false);
      await alarm;
    });
  });

  test('delivers rows for which an older version set no alarm, and keeps those of a newer version', async () => {
    const { worker, identifier, token } = await scene('returned');
    await revoke(worker, token);
    await runInDurableObject(gateOf(worker), async (_, { storage }) => {
      storage.sql.exec(
        `INSERT INTO feed_outbox VALUES ('d1', 'newer', '{"kind":"device"}', ?, ?, 0)`,
        seconds() + 600,
        Date.now(),
      );
      // What KV is owed would set the alarm as well.
      storage.sql.exec('DELETE FROM outbox');
      await storage.deleteAlarm();
    });
    await evictDurableObject(gateOf(worker));
    expect(await alarmOf(worker)).toBeLessThanOrEqual(Date.now());
    await runDurableObjectAlarm(gateOf(worker));
    expect((await read(identifier)).tokens).toHaveLength(1);
    expect(await owedBy(worker)).toMatchObject([{ key: 'newer', attempts: 1 }]);
  });
});

/** Inserts so many revoked tokens of an audience. */
async function fill(audience: string, count: number): Promise<void> {
  const rows = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
    INSERT INTO live_revocations
    SELECT (SELECT coalesce(max(version), 0) FROM live_revocations) + i, ?2, '', 'token', printf('%022d', i), '', NULL, 0, ?3, ?3 FROM n`;
  await env.DB.prepare(rows)
    .bind(count, audience, seconds() + 3600)
    .run();
}

/** Counts the rows that D1 reads. */
async function rowsReadDuring<T>(during: () => Promise<T>): Promise<{ rows: number; result: T }> {
  let rows = 0;
  const count = async (call: () => Promise<unknown>) => {
    const answer = await call();
    for (const { meta } of [answer].flat() as { meta?: { rows_read?: number } }[]) rows += meta?.rows_read ?? 0;
    return answer;
  };
  return { result: await withFault('d1', count, during), rows };
}

describe('pages', () => {
  test('follow one another from the beginning, and then a delta has what is new', async () => {
    const { worker, identifier, token } = await scene('paged');
    const count = 2 * FEED_PAGE_ENTRIES + FEED_FIRST_ENTRIES + 10;
    await fill(identifier, count);
    startNewIsolate();
    const pages = await readAll(identifier);
    expect(pages.map(({ since }) => since)).toEqual([0, ...pages.slice(0, -1).map(({ version }) => version)]);
    const hashes = pages.flatMap(({ tokens }) => tokens.map(([hash]) => hash));
    expect(hashes).toEqual(Array.from({ length: count }, (_, index) => String(index + 1).padStart(22, '0')));
    expect(pages.every(({ tokens }) => tokens.length <= FEED_PAGE_ENTRIES)).toBe(true);

    const { version = 0 } = pages.at(-1) ?? {};
    later(FEED_MAX_AGE * 1000);
    expect(await readHere(identifier, version)).toMatchObject({ since: version, version, more: false, tokens: [] });
    await revoke(worker, token);
    await deliver(worker);
    later(FEED_MAX_AGE * 1000);
    const delta = await readHere(identifier, version);
    expect(delta).toMatchObject({ since: version, more: false, tokens: [[expect.any(String), expect.any(Number)]] });
    expect(delta.version).toBeGreaterThan(version);
    // Another isolate has its own pages, and continues from any version.
    const middle = (pages[1]?.version ?? 0) - 5;
    expect((await read(identifier, middle)).tokens[0]?.[0]).toBe(String(2 * FEED_PAGE_ENTRIES - 4).padStart(22, '0'));
  });

  test('of 100,000 live revocations are small, and a delta costs few rows', { timeout: 60_000 }, async () => {
    const { worker, identifier, token } = await scene('large');
    await fill(identifier, 100_000);
    startNewIsolate();
    const begun = performance.now();
    const sizes: number[] = [];
    const { rows, result } = await rowsReadDuring(async () => {
      let [since, pages] = [0, 0];
      for (;;) {
        const text = await textOf(await ask(identifier, since));
        sizes.push(text.length);
        const page = decodeJwt<Page>(text);
        pages++;
        if (!page.more) return { version: page.version, pages };
        since = page.version;
      }
    });
    const ms = Math.round(performance.now() - begun);
    await revoke(worker, token);
    await deliver(worker);
    later(FEED_MAX_AGE * 1000);
    const warm = await rowsReadDuring(async () => textOf(await ask(identifier, result.version)));
    startNewIsolate();
    const cold = await rowsReadDuring(async () => textOf(await ask(identifier, result.version)));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    console.log(
      `100,000 live revocations: ${result.pages} pages, ${total} bytes, the largest ${Math.max(...sizes)}, ${ms} ms, ${rows} rows read; ` +
        `a delta of one: ${warm.result.length} bytes, ${warm.rows} rows read; in a new isolate ${cold.rows}`,
    );
    // Each entry counts twice: its place in the index, and the row.
    expect(rows).toBeLessThan(210_000);
    expect(Math.max(...sizes)).toBeLessThan(150_000);
    expect(decodeJwt<Page>(warm.result).tokens).toHaveLength(1);
    expect(warm.result.length).toBeLessThan(2048);
    expect(warm.rows).toBeLessThan(10);
    expect(cold.rows).toBeLessThan(4 * FEED_FIRST_ENTRIES);
  });

  test('have an ETag, and a reader that has the page gets 304 until D1 is asked again', async () => {
    const { identifier } = await world('tagged');
    const etag = (await ask(identifier)).headers.get('ETag') ?? '';
    const again = () => ask(identifier, undefined, { headers: { 'If-None-Match': etag } });
    expect((await again()).status).toBe(304);
    expect((await ask(identifier, undefined, { method: 'HEAD' })).status).toBe(200);
    later(FEED_MAX_AGE * 1000);
    expect((await again()).status).toBe(200);
  });
});

describe('a version that D1 does not know', () => {
  const FUTURE = 900_000_000_000_000;

  test('is of a database that was restored: the answer begins anew', async () => {
    const { worker, identifier, token } = await scene('restored');
    await revoke(worker, token);
    await deliver(worker);
    const page = await read(identifier, FUTURE);
    expect(page).toMatchObject({ since: 0, more: false });
    expect(page.tokens).toHaveLength(1);
  });

  test('is not so in an isolate that lags behind another one', async () => {
    const { worker, identifier, token } = await scene('lagging');
    await read(identifier);
    await revoke(worker, token);
    await deliver(worker);
    const newer = Date.now() + 86_400_000;
    later(FEED_RECHECK_MS - 1);
    expect(await readHere(identifier, newer)).toMatchObject({ since: newer, version: newer, tokens: [], clients: [] });
    later(1);
    expect(await readHere(identifier, newer)).toMatchObject({
      since: 0,
      tokens: [[expect.any(String), expect.any(Number)]],
    });
  });
});

describe('a resource server', () => {
  test('that is deleted has no feed, and one with its identifier says from when tokens are its own', async () => {
    const { identifier, server, organization, worker } = await world('again');
    await getToken(worker);
    expect((await ask(identifier)).status).toBe(200);
    await done('DELETE', `resource-servers/${server.id}?cascade=true`);
    later(FEED_MAX_AGE * 1000);
    expect((await ask(identifier)).status).toBe(404);
    await create('resource-servers', { organization_id: organization, identifier, name: 'again' });
    later(FEED_MAX_AGE * 1000);
    const { tokens_from } = await readHere(identifier);
    expect(tokens_from).toBeGreaterThan(START / 1000);
  });

  test('is found by another spelling of its identifier, and the feed has the registered one', async () => {
    const { identifier } = await world('spelled');
    expect((await readHere(`${identifier.toUpperCase()}/`)).audience).toBe(identifier);
  });

  test('that chose an algorithm has a feed that is signed by it', async () => {
    const { organization } = await world('rsa');
    const identifier = 'https://rsa-feed.example.com';
    await create('resource-servers', { organization_id: organization, identifier, name: 'rsa', signing_alg: 'RS256' });
    const [header = ''] = (await textOf(await ask(identifier))).split('.');
    expect(JSON.parse(atob(header))).toMatchObject({ alg: 'RS256', typ: 'revocations+jwt' });
  });
});

test.each([
  ['without an audience', '', 400, 'invalid_request'],
  ['with an empty audience', '?audience=', 400, 'invalid_request'],
  ['with two audiences', '?audience=a&audience=b', 400, 'invalid_request'],
  ['with two versions', '?audience=a&since=1&since=2', 400, 'invalid_request'],
  ['with a negative version', '?audience=a&since=-1', 400, 'invalid_request'],
  ['with a version that is no number', '?audience=a&since=now', 400, 'invalid_request'],
  ['with a version that is too long', `?audience=a&since=${'9'.repeat(16)}`, 400, 'invalid_request'],
  ['for an unknown audience', '?audience=https://nobody.example.com', 404, 'invalid_target'],
  ['for an audience of any length', `?audience=${'a'.repeat(5000)}`, 404, 'invalid_target'],
  ['for an audience with odd characters', '?audience=%00%ff%27--', 404, 'invalid_target'],
])('a request %s is refused', async (_, query, status, error) => {
  const answer = await send(`${PATH}${query}`);
  expect([answer.status, await answer.json()]).toMatchObject([status, { error }]);
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
});

test('a page of the feed is no access token: it is inactive, and cannot be revoked', async () => {
  const { worker, api: caller, identifier } = await world('no-token');
  const feed = await textOf(await ask(identifier));
  expect(await (await introspect(caller, feed)).json()).toEqual({ active: false });
  expect(await (await revoke(worker, feed)).json()).toEqual({});
  expect((await api('POST', 'tokens/revoke', { body: { token: feed } })).status).toBe(422);
  expect(await owedBy(worker)).toEqual([]);
});

describe('floods', () => {
  test('of requests for one feed cost D1 one query in five seconds, for any versions of recent pages', async () => {
    const { worker, identifier, token } = await scene('popular');
    await revoke(worker, token);
    await deliver(worker);
    const { version } = await read(identifier);
    const flood = () =>
      Promise.all(
        Array.from({ length: 200 }, (_, index) => ask(identifier, index % 2 === 0 ? undefined : version - index)),
      );
    resetCalls();
    expect((await flood()).every(({ status }) => status === 200)).toBe(true);
    expect(calls).toMatchObject({ d1: 0, kv: 0, gate: 0 });
    later(FEED_MAX_AGE * 1000);
    await flood();
    expect(calls).toMatchObject({ d1: 1, kv: 0, gate: 0 });
  });

  test('of invented audiences and versions cost a bounded number of queries, and hold no reader back that is known', async () => {
    const { identifier } = await world('attacked');
    const { identifier: unread } = await world('attacked-too');
    await fill(identifier, FEED_FIRST_ENTRIES + 1000);
    const { version } = await read(identifier);
    const wanted = await readHere(identifier, version);
    resetCalls();
    const begun = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        index % 2 === 0 ? ask(`https://invented-${index}.example.com`) : ask(identifier, index),
      ),
    );
    // One query asks for all audiences that wait for it, so that a real one is found among them.
    expect((await ask(unread)).status).toBe(200);
    // Besides the limit, one query for the entries of each real audience.
    const allowed = FEED_QUERIES_AT_ONCE + Math.ceil((performance.now() - begun) / FEED_QUERY_INTERVAL_MS) + 2;
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([200, 404, 429]));
    expect(calls.d1).toBeLessThanOrEqual(allowed);
    expect(calls.gate).toBe(0);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers.get('Retry-After')).toBe('2');
    expect(await readHere(identifier, wanted.version)).toMatchObject({ since: wanted.version });
  });
});

describe('while D1 is down', () => {
  test('a feed that nobody has read is 503', async () => {
    const { identifier } = await world('unread');
    await send('/.well-known/jwks.json');
    startNewIsolate();
    const answer = await failing('d1', () => ask(identifier));
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: 'temporarily_unavailable' }]);
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
  });

  test('a feed shows its age, and after that as well, until no gate can still wait', async () => {
    const { worker, identifier, token } = await scene('outage');
    const before = await read(identifier);
    expect(before.as_of).toBe(seconds() - FEED_LAG_MS / 1000);
    await failing('d1', async () => {
      expect((await revoke(worker, token)).status).toBe(200);
      for (let asked = 0; asked < 3; asked++) {
        later(60_000);
        expect(await readHere(identifier)).toMatchObject({ as_of: before.as_of, tokens: [], iat: seconds() });
      }
    });
    const back = Date.now();
    // D1 answers, and the gate still waits for its next attempt.
    for (const wait of [FEED_MAX_AGE * 1000, 20_000]) {
      later(wait);
      expect(await readHere(identifier)).toMatchObject({ as_of: before.as_of, tokens: [] });
    }
    await runDurableObjectAlarm(gateOf(worker));
    vi.setSystemTime(back + FEED_LAG_MS);
    const after = await readHere(identifier);
    expect(after.as_of).toBe(seconds() - FEED_LAG_MS / 1000);
    expect(after.tokens).toHaveLength(1);
  });

  test('one lost connection does not make a feed older', async () => {
    const { identifier } = await world('once-lost');
    startNewIsolate();
    await send('/.well-known/jwks.json');
    let failures = 0;
    const once = (call: () => Promise<unknown>) =>
      ++failures === 1 ? Promise.reject(new Error('Network connection lost.')) : call();
    const page = await withFault('d1', once, () => readHere(identifier));
    expect(page.as_of).toBe(seconds() - FEED_LAG_MS / 1000);
  });
});
