import { env } from 'cloudflare:workers';
import { decodeProtectedHeader } from 'jose';
import { expect, test, vi } from 'vitest';
import { type Credentials, world } from '../http.ts';
import { Isolate, LOST_D1 } from '../keys/isolate.ts';
import { continueClockBetweenTests, DAY, MINUTE, runScheduled } from '../keys/keys.ts';
import { consoleOf } from '../log/lines.ts';
import { keyWith, rowsOf } from './rows.ts';
import { eventsAbout } from './secrets.ts';

const OLD = env.MASTER_KEY;
const [NEW, THIRD] = ['new-', 'third'].map((text) =>
  btoa(text.padEnd(32, '-')).replaceAll('=', '').replaceAll('+', '-').replaceAll('/', '_'),
) as [string, string];

interface MasterKey {
  readonly id: string;
  readonly status: 'current' | 'previous' | 'retired';
  readonly signing_keys: number;
  readonly webhooks: number;
  readonly may_go_at: string | null;
}

/** Credentials that were created under one master key, and must work under all later ones. */
interface Made {
  client: Credentials;
  readonly apiKey: string;
}

const { organization, identifier } = await world('master-keys');
const made: Made[] = [];
/** The id of a webhook whose secret was sealed under the first master key. */
let sealed = '';

continueClockBetweenTests();

const under = (...keys: string[]) => new Isolate({ MASTER_KEY: keys.join() });
const list = async (isolate: Isolate) => (await isolate.done<{ data: MasterKey[] }>('GET', 'master-keys')).data;
const reseal = async (isolate: Isolate) =>
  (await isolate.done<{ data: MasterKey[] }>('POST', 'master-keys/reseal')).data;
const idOf = async (key: string) => (await list(under(key, OLD, NEW, THIRD)))[0]?.id ?? '';

/** Returns the ids of the master keys under which the rows of a table are sealed. */
async function sealedUnder(table: 'signing_keys' | 'retired_master_keys'): Promise<(string | undefined)[]> {
  const column = table === 'signing_keys' ? 'sealed_private_jwk' : 'sealed_keys';
  const rows = await rowsOf<{ sealed: string }>(`SELECT ${column} AS sealed FROM ${table}`);
  return [...new Set(rows.map(({ sealed }) => decodeProtectedHeader(sealed).kid))];
}

async function makeAt(isolate: Isolate): Promise<void> {
  const client = await isolate.done<Credentials>('POST', 'clients', {
    organization_id: organization,
    client_name: `made ${made.length}`,
    grants: [{ resource_server: identifier, scopes: ['read'] }],
  });
  const { api_key: apiKey } = await isolate.done<{ api_key: string }>('POST', 'api-keys', {
    organization_id: organization,
    name: `made ${made.length}`,
    scopes: ['clients:read', 'tokens:introspect'],
  });
  made.push({ client, apiKey });
}

/** Expects that all credentials made so far work in an isolate: ids by their tags, secrets and API keys by their hashes, and tokens. */
async function expectAllGoOn(isolate: Isolate): Promise<void> {
  for (const { client, apiKey } of made) {
    const token = await isolate.getToken(client);
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      Authorization: `Bearer ${apiKey}`,
    };
    const introspected = await isolate.send('/oauth2/introspect', { method: 'POST', headers, body: `token=${token}` });
    expect(await introspected.json()).toMatchObject({ active: true, client_id: client.client_id });
    expect((await isolate.api('GET', `clients/${client.client_id}`, undefined, { key: apiKey })).status).toBe(200);
  }
}

/** Adds a new secret to one of these clients; the old one stays valid. */
async function rotateOne(isolate: Isolate): Promise<void> {
  const one = made[0] ?? expect.unreachable();
  const old = one.client;
  const path = `clients/${old.client_id}/secrets/rotate`;
  const { client_secret } = await isolate.done<Credentials>('POST', path, { replace_secondary: true });
  expect((await isolate.requestToken(old)).status).toBe(200);
  one.client = { ...old, client_secret };
}

test('from one master key to the next everything that was made goes on, at each step', async () => {
  for (const isolate of [under(OLD), under(OLD, NEW), under(NEW, OLD)]) {
    await makeAt(isolate);
    await expectAllGoOn(isolate);
    await rotateOne(isolate);
    await expectAllGoOn(isolate);
  }
  // A deployment reaches isolates one by one. Those that still have the old key first must accept what those with the new key first made.
  await expectAllGoOn(under(OLD, NEW));
});

test('without a reseal the new master key alone is refused, and the answer says nothing of it', async () => {
  const alone = under(NEW);
  const logged = await consoleOf(async () => {
    for (const answer of [
      await alone.send('/.well-known/jwks.json'),
      await alone.requestToken(made[0]?.client ?? expect.unreachable()),
      await alone.api('GET', 'signing-keys'),
    ]) {
      expect(answer.status).toBe(500);
      const text = await answer.text();
      expect(text).toContain('The service is not configured.');
      for (const secret of [OLD, NEW, 'MASTER_KEY']) expect(text).not.toContain(secret);
    }
  });
  const lines = logged.map(({ text }) => text).join();
  expect(lines).toContain('no longer configured: add that key to MASTER_KEY again');
  for (const secret of [OLD, NEW, env.ROOT_API_KEY, ...made.map(({ client }) => client.client_secret)]) {
    expect(lines).not.toContain(secret);
  }
});

test('a previous master key may not go before what it sealed is sealed anew, and then a day later', async () => {
  const isolate = under(NEW, OLD);
  const [oldId, newId] = [await idOf(OLD), await idOf(NEW)];
  const webhook = { organization_id: organization, name: 'sealed', url: 'https://hooks.example.com/in' };
  sealed = (await under(OLD).done<{ id: string }>('POST', 'webhooks', webhook)).id;
  const before = await list(isolate);
  expect(before).toEqual([
    { id: newId, status: 'current', signing_keys: 0, webhooks: 0, may_go_at: null },
    { id: oldId, status: 'previous', signing_keys: 6, webhooks: 1, may_go_at: null },
  ]);
  const after = await reseal(isolate);
  expect(after).toEqual([
    { id: newId, status: 'current', signing_keys: 6, webhooks: 1, may_go_at: null },
    { id: oldId, status: 'previous', signing_keys: 0, webhooks: 0, may_go_at: expect.any(String) },
  ]);
  expect(await list(isolate)).toEqual(after);
  // One day, for which answers for repeats are stored (they are not sealed anew), plus the tolerance for clocks.
  const wait = Date.parse(after[1]?.may_go_at ?? '') - Date.now();
  expect(wait).toBeGreaterThan(DAY);
  expect(wait).toBeLessThanOrEqual(DAY + MINUTE);

  expect(await sealedUnder('signing_keys')).toEqual([newId]);
  expect(await sealedUnder('retired_master_keys')).toEqual([newId]);
  const [event] = await eventsAbout(newId, 'master_key.resealed');
  expect(event).toMatchObject({ actor: 'root', organization_id: null, changes: { retired: [oldId] } });
  expect(event?.changes.signing_keys).toHaveLength(6);
});

test('resealing again leaves the signing keys as they are, and the day begins anew: the old key may have sealed since', async () => {
  const isolate = under(NEW, OLD);
  const rows = () => rowsOf('SELECT * FROM signing_keys ORDER BY kid');
  const [shown, stored] = [await list(isolate), await rows()];
  vi.setSystemTime(Date.now() + MINUTE);
  const after = await reseal(isolate);
  expect(after.map(({ id, status, signing_keys }) => ({ id, status, signing_keys }))).toEqual(
    shown.map(({ id, status, signing_keys }) => ({ id, status, signing_keys })),
  );
  expect(Date.parse(after[1]?.may_go_at ?? '')).toBeGreaterThan(Date.now() + DAY);
  expect(await list(isolate)).toEqual(after);
  expect(await rows()).toEqual(stored);
  const [event] = await eventsAbout(await idOf(NEW), 'master_key.resealed');
  expect(event?.changes).toEqual({ signing_keys: [], retired: [await idOf(OLD)] });
});

test('after the reseal the new master key is enough: what the old one made goes on, and is told of as retired', async () => {
  const isolate = under(NEW);
  await expectAllGoOn(isolate);
  await rotateOne(isolate);
  await makeAt(isolate);
  await expectAllGoOn(isolate);
  // The rotation keeps the old secret of the webhook, so it must unseal it.
  await isolate.done('POST', `webhooks/${sealed}/rotate-secret`, {});
  expect(await list(isolate)).toEqual([
    { id: await idOf(NEW), status: 'current', signing_keys: 6, webhooks: 1, may_go_at: null },
    { id: await idOf(OLD), status: 'retired', signing_keys: 0, webhooks: 0, may_go_at: null },
  ]);
});

test('a cold isolate with the new master key alone, and D1 gone, goes by the copies in KV', async () => {
  await runScheduled();
  const cold = new Isolate({ MASTER_KEY: NEW, DB: LOST_D1 });
  for (const { client } of made) expect((await cold.requestToken(client)).status).toBe(200);
});

test('a third master key takes over what was kept of the first', async () => {
  const isolate = under(THIRD, NEW);
  const thirdId = await idOf(THIRD);
  await makeAt(isolate);
  await expectAllGoOn(isolate);
  const before = await list(isolate);
  expect(before.map(({ status, may_go_at }) => [status, may_go_at])).toEqual([
    ['current', null],
    ['previous', null],
    ['retired', null],
  ]);
  await reseal(isolate);
  expect(await sealedUnder('signing_keys')).toEqual([thirdId]);
  expect(await sealedUnder('retired_master_keys')).toEqual([thirdId]);
  await expectAllGoOn(under(THIRD));
  expect((await list(under(THIRD))).map(({ status }) => status)).toEqual(['current', 'retired', 'retired']);
});

test('a master key that comes into use again after it was kept stays for another day after the next reseal', async () => {
  const newId = await idOf(NEW);
  // A deployment that was rolled back seals under the new master key again.
  await under(NEW, THIRD).done('POST', 'signing-keys/rotate', { alg: 'ES256' });
  const isolate = under(OLD, THIRD, NEW);
  expect((await list(isolate)).find(({ id }) => id === newId)).toMatchObject({
    signing_keys: 1,
    webhooks: 0,
    may_go_at: null,
  });
  const after = await reseal(isolate);
  expect(await list(isolate)).toEqual(after);
  const { may_go_at } = after.find(({ id }) => id === newId) ?? expect.unreachable();
  expect(Date.parse(may_go_at ?? '')).toBeGreaterThan(Date.now() + DAY);
  const [event] = await eventsAbout(await idOf(OLD), 'master_key.resealed');
  const retired = event?.changes.retired as string[];
  expect(retired).toEqual([...new Set(retired)]);
  await expectAllGoOn(under(OLD));
});

test('reseals at the same time, and a rotation among them, leave keys that open', async () => {
  const [one, two] = [under(NEW, OLD), under(NEW, OLD)];
  const answers = await Promise.all([
    one.api('POST', 'master-keys/reseal'),
    two.api('POST', 'master-keys/reseal'),
    one.api('POST', 'signing-keys/rotate', { alg: 'RS256' }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  await reseal(one);
  expect(await sealedUnder('signing_keys')).toEqual([await idOf(NEW)]);
  await expectAllGoOn(under(NEW));
});

test('only the root key lists master keys and seals anew', async () => {
  const key = await keyWith(organization, ['clients:write']);
  const isolate = under(OLD, NEW);
  expect((await isolate.api('GET', 'master-keys', undefined, { key })).status).toBe(403);
  expect((await isolate.api('POST', 'master-keys/reseal', undefined, { key })).status).toBe(403);
});
