import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ACTIVITY_PERSIST_MAX, BUSY_USES, REPLAY_WINDOW, UNWRITTEN_USES_MAX } from '../../src/client-gate/constants.ts';
import type { SpentId } from '../../src/gates/protocol.ts';
import { type Credentials, world } from '../http.ts';
import { gateStorage, resetCalls } from '../instruments.ts';
import { lineOf } from '../log/lines.ts';
import { ask, askWith, assertionOf, JWT_BEARER, keyWorld, proofOf } from '../machines.ts';
import { readError } from '../oauth/answers.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { alarmOf, gateOf, gates } from './gate.ts';

// A busy gate uses ids without writing them. What happens once its memory is lost?

// The beginning of a window.
const START = Date.UTC(2027, 4, 1);
const LIMIT = { rate_limit: { per_minute: 100_000, burst: 100_000 } };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Creates a client with a key, and makes its gate busy. */
async function busyClient(name: string) {
  const { clientId, signer } = await keyWorld(name, LIMIT);
  const client = { client_id: clientId };
  const mint = (claims = {}) => assertionOf(clientId, signer, claims);
  const use = async (count: number) => {
    for (let index = 0; index < count; index++) expect((await askWith(await mint())).status).toBe(200);
  };
  await use(BUSY_USES);
  return { client, mint, use, evict: () => evictDurableObject(gateOf(client)) };
}

const UNKNOWN = { status: 503, error: 'temporarily_unavailable' };
const REFUSED = { status: 401, error: 'invalid_client' };

test('a busy gate writes a row in each window, and not one for each assertion', async () => {
  const { use } = await busyClient('rows-when-busy');
  const USES = 500;
  resetCalls();
  await use(USES);
  console.log(`${USES} assertions in one window: ${gateStorage.rowsWritten} rows`);
  expect(gateStorage.rowsWritten).toBeLessThanOrEqual(Math.ceil(USES / UNWRITTEN_USES_MAX));
  resetCalls();
  for (let second = 0; second < 60; second++) {
    vi.setSystemTime(Date.now() + 1000);
    await use(5);
  }
  console.log(`5 assertions a second for a minute: ${gateStorage.rowsWritten} rows`);
  // Counts and the bucket take a few more.
  expect(gateStorage.rowsWritten).toBeLessThanOrEqual(60 / REPLAY_WINDOW + 2);
});

test('an assertion and a proof share a row', async () => {
  const { signer, clientId } = await keyWorld('shared-row', LIMIT);
  const request = async () => askWith(await assertionOf(clientId, signer), {}, { dpop: await proofOf(signer) });
  await request();
  resetCalls();
  expect((await request()).status).toBe(200);
  // The other row has the counts of a quiet client.
  expect(gateStorage.rowsWritten).toBe(2);
});

describe('a busy gate that lost its memory', () => {
  test.each(['token', 'introspect', 'revoke'])('uses no assertion again at the %s endpoint', async (path) => {
    const { client, mint, evict } = await busyClient(`lost-at-${path}`);
    const used = await mint();
    const send = (client_assertion: string) =>
      ask(
        { client_assertion_type: JWT_BEARER, client_assertion, grant_type: 'client_credentials', token: 'x' },
        { path: `/oauth2/${path}` },
      );
    expect((await send(used)).status).toBe(200);
    await evict();
    const counted = await gates.activity(client);
    const answer = await send(used);
    expect(answer.headers.get('Retry-After')).toBe(String(REPLAY_WINDOW));
    expect(await answer.clone().json()).toMatchObject({ error_description: expect.stringMatching(/make a new one/) });
    expect(await readError(answer)).toEqual(UNKNOWN);
    expect(await gates.activity(client)).toEqual(counted);
    // The client that repeats it all the same must notice.
    expect(await readError(await send(used))).toEqual(REFUSED);
  });

  test('refuses new assertions until the window ends, and says for how long', async () => {
    const { mint, evict } = await busyClient('honest');
    await evict();
    for (let second = 0; second < REPLAY_WINDOW; second++) {
      const answer = await askWith(await mint());
      expect(answer.headers.get('Retry-After')).toBe(String(REPLAY_WINDOW - second));
      expect(await readError(answer)).toEqual(UNKNOWN);
      vi.setSystemTime(Date.now() + 1000);
    }
    expect((await askWith(await mint())).status).toBe(200);
  });

  test('logs why, and counts no failed attempt', async () => {
    const { mint, evict } = await busyClient('unknown-attempts');
    await evict();
    const line = await lineOf(async () => askWith(await mint()));
    expect(line).toMatchObject({ status: 503, reason: 'use_unknown' });
    for (let attempt = 0; attempt < 120; attempt++) expect((await askWith(await mint())).status).toBe(503);
    vi.setSystemTime(START + REPLAY_WINDOW * 1000);
    expect((await askWith(await mint())).status).toBe(200);
  });

  test('knows what was written: it is refused as used', async () => {
    const { mint, use, evict } = await busyClient('written');
    const used = await mint();
    expect((await askWith(used)).status).toBe(200);
    vi.setSystemTime(START + REPLAY_WINDOW * 1000);
    await use(1);
    await evict();
    expect(await readError(await askWith(used))).toEqual(REFUSED);
  });

  test('knows what its alarm wrote, some seconds after the last use', async () => {
    const { client, mint, evict } = await busyClient('written-by-alarm');
    const used = await mint();
    expect((await askWith(used)).status).toBe(200);
    expect(await alarmOf(client)).toBeLessThanOrEqual(START + ACTIVITY_PERSIST_MAX * 1000);
    await runDurableObjectAlarm(gateOf(client));
    await evict();
    expect(await readError(await askWith(used))).toEqual(REFUSED);
  });

  test('goes on refusing after the next loss', async () => {
    const { mint, use, evict } = await busyClient('lost-again');
    const used = await mint();
    expect((await askWith(used)).status).toBe(200);
    await evict();
    vi.setSystemTime(START + REPLAY_WINDOW * 1000);
    await use(3);
    await evict();
    expect(await readError(await askWith(used))).toEqual(UNKNOWN);
  });

  test('uses no DPoP proof again, beside a secret', async () => {
    const { worker } = await world('lost-proofs', LIMIT);
    const signer = await newSigner('ES256');
    const request = (dpop: string) => ask({ grant_type: 'client_credentials', ...worker }, { dpop });
    for (let use = 0; use < BUSY_USES; use++) expect((await request(await proofOf(signer))).status).toBe(200);
    const used = await proofOf(signer);
    expect((await request(used)).status).toBe(200);
    await evictDurableObject(gateOf(worker));
    expect(await readError(await request(used))).toEqual(UNKNOWN);
    expect(await readError(await request(used))).toEqual({ status: 400, error: 'invalid_dpop_proof' });
    // The secret alone is not affected.
    expect((await ask({ grant_type: 'client_credentials', ...worker })).status).toBe(200);
    vi.setSystemTime(START + REPLAY_WINDOW * 1000);
    expect((await request(await proofOf(signer))).status).toBe(200);
  });
});

test('rows with announced windows are read by code of an older version, which finds all written ids in them', async () => {
  const { client, use } = await busyClient('older-reader');
  vi.setSystemTime(START + REPLAY_WINDOW * 1000);
  await use(1);
  const ids = await readAsOlderCode(client);
  expect(ids.filter((id) => id.startsWith('assertion '))).toHaveLength(BUSY_USES + 1);
  expect(ids).toContain('windows');
});

/** Reads the used ids as `5b008d2` did. */
function readAsOlderCode(client: Pick<Credentials, 'client_id'>): Promise<string[]> {
  return runInDurableObject(gateOf(client), (_, { storage }) => {
    const rows = storage.sql.exec<{ ids: string }>('SELECT * FROM spent_ids ORDER BY row').toArray();
    const ids = rows.flatMap((row) => JSON.parse(row.ids) as SpentId[]);
    return [...new Map(ids.map(({ id, expires_at }) => [id, expires_at])).keys()];
  });
}
