import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { decodeJwt } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { owedBy, ring, standingOf } from '../faults/copies.ts';
import {
  api as ask,
  basic,
  type Credentials,
  done,
  getToken,
  introspect,
  postForm,
  requestToken,
  revoke,
  world,
} from '../http.ts';
import { failing, startNewIsolate } from '../instruments.ts';
import { consoleOf } from '../log/lines.ts';
import { rowsOf } from '../management/rows.ts';
import { INACTIVE, isActive } from '../tokens/verdict.ts';
import { alarmOf, gateOf, gates, heldRecord, identified, push } from './gate.ts';

// Ahead of the runtime's clock, so that no alarm goes off by itself.
const START = Date.UTC(2027, 9, 1, 12);
const SECOND = START / 1000;

afterEach(() => {
  vi.useRealTimers();
});

/** Stops the clock of edge and gate, at so many seconds after the start. */
function setClock(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: START + Math.round(seconds * 1000) });
}

const time = (seconds: number) => new Date(START + seconds * 1000).toISOString();

const expire = ({ client_id }: Credentials, seconds: number | null) =>
  done('PATCH', `clients/${client_id}`, { body: { expires_at: seconds === null ? null : time(seconds) } });

/** Runs a function with D1 and KV down. */
const withoutStores = <T>(during: () => Promise<T>) => failing('d1', () => failing('kv', during));

function rotateSecret({ client_id, client_secret }: Credentials): Promise<Response> {
  return postForm('/oauth2/rotate-secret', {}, { headers: { Authorization: basic(client_id, client_secret) } });
}

/** Returns the reasons in the log while a function runs. */
async function reasonsOf(during: () => Promise<unknown>): Promise<string[]> {
  const lines = await consoleOf(during);
  return lines.flatMap(({ text }) => JSON.parse(text).reason ?? []);
}

let worlds = 0;

/** Creates a world with a client that may do everything, and sets the clock. */
async function expiringWorld(fields: object = {}) {
  setClock(0);
  const name = `expiry-${++worlds}`;
  const introspects = [`https://${name}.example.com`];
  return world(name, { introspects, may_rotate_secret: true, ...fields });
}

describe('from the second on in which it expires, without a push, and with D1 and KV down,', () => {
  test('a client gets no token, and no credential of it is accepted anywhere', async () => {
    const { worker, api } = await expiringWorld({ expires_at: time(10) });
    const { access_token, expires_in } = await getToken(worker);
    expect([expires_in, decodeJwt(access_token).exp]).toEqual([10, SECOND + 10]);
    setClock(9.999);
    const last = await getToken(worker);
    expect([last.expires_in, decodeJwt(last.access_token).exp]).toEqual([1, SECOND + 10]);
    // The isolate caches that its credential is right.
    expect((await introspect(worker, access_token)).status).toBe(200);
    expect((await introspect(worker, access_token)).status).toBe(200);
    await isActive(api, access_token);

    setClock(10);
    await withoutStores(async () => {
      const [wrong, ...answers] = await Promise.all([
        requestToken({ ...worker, client_secret: `${worker.client_secret.slice(0, -1)}-` }),
        requestToken(worker),
        introspect(worker, access_token),
        revoke(worker, access_token),
        rotateSecret(worker),
      ]);
      // Strangers learn nothing.
      const refused = [wrong.status, await wrong.text(), wrong.headers.get('WWW-Authenticate')];
      for (const answer of answers) {
        expect([answer.status, await answer.text(), answer.headers.get('WWW-Authenticate')]).toEqual(refused);
      }
      expect(refused[0]).toBe(401);
      expect(await isActive(api, access_token)).toBe(false);
    });
  });

  test('its tokens are inactive, also those that were issued to live longer', async () => {
    const { worker, api } = await expiringWorld();
    const { access_token, expires_in } = await getToken(worker);
    expect(expires_in).toBe(3600);
    await expire(worker, 10);
    setClock(9.999);
    expect(await isActive(api, access_token)).toBe(true);
    setClock(10);
    await withoutStores(async () => {
      expect(await (await introspect(api, access_token)).text()).toBe(INACTIVE);
      expect((await requestToken(worker)).status).toBe(401);
    });
  });

  test('a gate that never held its record issues nothing', async () => {
    const { worker } = await expiringWorld({ expires_at: time(10) });
    setClock(10);
    expect((await requestToken(worker)).status).toBe(401);
    await withoutStores(async () => expect((await requestToken(worker)).status).toBe(401));
  });

  test('it stays so, in memory and after an eviction, if the clock is set back', async () => {
    const { worker, api } = await expiringWorld();
    const { access_token } = await getToken(worker);
    await expire(worker, 10);
    setClock(10);
    expect((await requestToken(worker)).status).toBe(401);
    setClock(5);
    for (const _ of ['in memory', 'evicted']) {
      expect((await requestToken(worker)).status).toBe(401);
      startNewIsolate();
      expect(await isActive(api, access_token)).toBe(false);
      await evictDurableObject(gateOf(worker));
    }
  });
});

test('the log says that a client has expired, if its credential is right', async () => {
  const { worker } = await expiringWorld({ expires_at: time(10) });
  await getToken(worker);
  setClock(10);
  expect(await reasonsOf(() => requestToken(worker))).toEqual(['expired_client']);
  const wrong = `${worker.client_secret.slice(0, -7)}${'0'.repeat(7)}`;
  expect(await reasonsOf(() => requestToken({ ...worker, client_secret: wrong }))).not.toContain('expired_client');
  await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
  expect(await reasonsOf(() => requestToken(worker))).toEqual(['disabled_client']);
});

test('a gate tells a right key of an expired client from a wrong one, for the log', async () => {
  const { worker } = await expiringWorld({ expires_at: time(10) });
  const bySecret = await identified(worker);
  await gates.admit(bySecret);
  const { authentication } = await heldRecord(worker);
  const thumbprint = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';
  const key = { jwk: { kty: 'EC', kid: 'a', alg: 'ES256' }, thumbprint, certificate: null };
  await push(worker, {
    authentication: { ...authentication, methods: ['private_key_jwt'], keys: [key] } as never,
  });
  setClock(10);
  const ask = (anchor: string) => gates.admit({ ...bySecret, proof: { kind: 'key', anchor } });
  expect(await ask(`private_key_jwt jkt ${thumbprint} for ES256`)).toMatchObject({ expired: true });
  expect(await ask('private_key_jwt jkt other for ES256')).not.toHaveProperty('expired');
});

describe('other stores', () => {
  /** Creates a world with a token that outlives its client, whose resource server chose `edge` introspection. */
  async function atEdge() {
    const made = await expiringWorld();
    await done('PATCH', `resource-servers/${made.server.id}`, { body: { introspection: 'edge' } });
    const { access_token: token } = await getToken(made.worker);
    await expire(made.worker, 10);
    return { ...made, token };
  }

  const fedState = ({ organization }: { organization: string }) =>
    rowsOf(
      'SELECT cut_off, is_disabled FROM live_revocations WHERE organization_id = ? AND kind = ?',
      organization,
      'client',
    );

  test('the copy in KV has the end, so that it is right at that second before the gate has told it', async () => {
    const { worker, token } = await atEdge();
    await ring(worker);
    expect(await standingOf(worker)).toEqual({ status: 'active', cut_off: null, expires_at: SECOND + 10 });
    setClock(9.999);
    expect(await isActive('root', token)).toBe(true);
    setClock(10);
    expect(await isActive('root', token)).toBe(false);
  });

  test('the gate’s alarm tells KV and the feed at the end, through failures and an eviction', async () => {
    const made = await atEdge();
    const { worker } = made;
    await ring(worker);
    expect(await alarmOf(worker)).toBe(START + 10_000);
    expect(await fedState(made)).toEqual([]);
    setClock(10);
    await withoutStores(() => ring(worker));
    await evictDurableObject(gateOf(worker));
    setClock(20);
    await ring(worker);
    expect(await standingOf(worker)).toEqual({ status: 'disabled', cut_off: SECOND + 10 });
    expect(await fedState(made)).toEqual([{ cut_off: SECOND + 10, is_disabled: 1 }]);
    // Told once.
    setClock(200);
    await ring(worker);
    expect(await alarmOf(worker)).not.toBe(START + 10_000);
  });

  test('a gate that has lost its alarm sets it when it wakes', async () => {
    const { worker } = await atEdge();
    await ring(worker);
    await runInDurableObject(gateOf(worker), (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(gateOf(worker));
    await gates.activity(worker);
    expect(await alarmOf(worker)).toBe(START + 10_000);
  });

  test('an end that no token can outlive costs no alarm and no copy: a late one, and one from the beginning', async () => {
    const late = await expiringWorld();
    await getToken(late.worker);
    await ring(late.worker);
    await expire(late.worker, 90_000);
    const early = await expiringWorld({ expires_at: time(10) });
    await getToken(early.worker);
    await expire(early.worker, 20);
    for (const { worker } of [late, early]) {
      expect(await owedBy(worker)).toEqual([]);
      await ring(worker);
      expect(await standingOf(worker)).toBeNull();
    }
    expect(await alarmOf(late.worker)).not.toBe(START + 90_000_000);
    expect(await alarmOf(early.worker)).not.toBe(START + 20_000);
  });

  test('an end that is moved, though later, is told as well while tokens from before any end live', async () => {
    const { worker, token } = await atEdge();
    await expire(worker, 100);
    await evictDurableObject(gateOf(worker));
    await expire(worker, 200);
    await ring(worker);
    expect(await standingOf(worker)).toEqual({ status: 'active', cut_off: null, expires_at: SECOND + 200 });
    expect(await alarmOf(worker)).toBe(START + 200_000);
    setClock(199);
    expect(await isActive('root', token)).toBe(true);
    setClock(200);
    await ring(worker);
    expect(await standingOf(worker)).toEqual({ status: 'disabled', cut_off: SECOND + 200 });
  });

  test('an end that is moved away is taken out of the copy', async () => {
    const { worker, token } = await atEdge();
    await ring(worker);
    await expire(worker, null);
    await ring(worker);
    expect(await standingOf(worker)).toEqual({ status: 'active', cut_off: null });
    setClock(10);
    expect(await isActive('root', token)).toBe(true);
  });
});

describe('a client that has expired', () => {
  test.each([
    ['a later end', 1000],
    ['none', null],
  ])('comes back with %s, but not its tokens', async (_, end) => {
    const { worker, api, server } = await expiringWorld();
    const { access_token: token } = await getToken(worker);
    await expire(worker, 10);
    setClock(20.2);
    expect((await requestToken(worker)).status).toBe(401);
    await expire(worker, end);
    setClock(21.2);
    const { access_token, expires_in } = await getToken(worker);
    expect(expires_in).toBe(end === null ? 3600 : end - 21);
    for (const introspection of ['strong', 'edge']) {
      await done('PATCH', `resource-servers/${server.id}`, { body: { introspection } });
      await ring(worker);
      startNewIsolate();
      expect([await isActive(api, access_token), await isActive(api, token)]).toEqual([true, false]);
    }
  });

  test('comes back without its tokens even if its gate was not asked in between', async () => {
    const { worker, api } = await expiringWorld();
    const { access_token: token } = await getToken(worker);
    await expire(worker, 10);
    setClock(20);
    await expire(worker, null);
    expect(await isActive(api, token)).toBe(false);
  });

  test('comes back without its tokens by the clock of its gate, whatever the edge’s says', async () => {
    const { worker, api } = await expiringWorld();
    const { access_token: token } = await getToken(worker);
    await expire(worker, 10);
    setClock(20);
    await push(worker, { status: 'active', expires_at: undefined as never });
    expect(await isActive(api, token)).toBe(false);
  });

  test('comes back without its tokens at the gate of an older version, which knows only the revocation epoch', async () => {
    const { worker } = await expiringWorld();
    const epoch = async () =>
      (await rowsOf('SELECT revocation_epoch FROM clients WHERE client_id = ?', worker.client_id))[0]?.revocation_epoch;
    const before = await epoch();
    await expire(worker, 10);
    await expire(worker, 11);
    expect(await epoch()).toBe(before);
    setClock(20);
    await done('PATCH', `clients/${worker.client_id}`, { body: { description: 'expired' } });
    expect(await epoch()).toBe(before);
    await expire(worker, null);
    expect(await epoch()).toBeGreaterThan(Number(before));
  });

  test('keeps its tokens if its end is moved before it comes', async () => {
    const { worker, api } = await expiringWorld({ expires_at: time(10) });
    const { access_token: token } = await getToken(worker);
    await expire(worker, 1000);
    await expire(worker, 500);
    setClock(9);
    expect(await isActive(api, token)).toBe(true);
    expect((await getToken(worker)).expires_in).toBe(491);
  });
});

test('a client that expires in two seconds gets its last token before, and its gate tells KV by itself', async () => {
  const { worker, api } = await world('expiry-real');
  const { access_token: token } = await getToken(worker);
  const end = Math.floor(Date.now() / 1000) + 3;
  const expires_at = new Date(end * 1000).toISOString();
  await done('PATCH', `clients/${worker.client_id}`, { body: { expires_at } });
  expect(await isActive(api, token)).toBe(true);
  for (;;) {
    const answer = await requestToken(worker);
    if (answer.status !== 200) {
      expect(answer.status).toBe(401);
      expect(Date.now()).toBeGreaterThanOrEqual(end * 1000);
      break;
    }
    const { access_token } = await answer.json<{ access_token: string }>();
    expect(decodeJwt(access_token).exp).toBe(end);
    await scheduler.wait(20);
  }
  expect(await isActive(api, token)).toBe(false);
  await vi.waitUntil(async () => (await standingOf(worker))?.status === 'disabled', { timeout: 5000 });
});

test('a client that was only introspected when it had expired stays so if the clock is set back', async () => {
  const { worker, api } = await expiringWorld();
  const { access_token: token } = await getToken(worker);
  await expire(worker, 10);
  setClock(10);
  expect(await isActive(api, token)).toBe(false);
  setClock(5);
  await evictDurableObject(gateOf(worker));
  expect((await requestToken(worker)).status).toBe(401);
});

describe('the field', () => {
  const shown = async ({ client_id }: Credentials) => (await done('GET', `clients/${client_id}`)).expires_at;

  test.each([
    ['2027-10-01T12:00:10Z', time(10)],
    ['2027-10-01T14:00:10+02:00', time(10)],
    ['2027-10-01t07:00:10.999-05:00', time(10)],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.000Z'],
  ])('takes %s, and shows it in UTC as %s', async (given, expected) => {
    const { worker } = await expiringWorld({ expires_at: given });
    expect(await shown(worker)).toBe(expected);
    // A patch may repeat what the representation says.
    await done('PATCH', `clients/${worker.client_id}`, { body: { expires_at: expected } });
  });

  test.each([
    ['the past', '2027-10-01T11:59:59Z'],
    ['this moment', '2027-10-01T12:00:00Z'],
    ['a part of this second', '2027-10-01T12:00:00.999Z'],
    ['a day without a time', '2027-10-02'],
    ['a time without an offset', '2027-10-02T12:00:00'],
    ['an impossible day', '2027-02-30T12:00:00Z'],
    ['the last year of JavaScript', '+275760-09-13T00:00:00Z'],
    ['a number', 1_822_392_010],
    ['a text', 'tomorrow'],
    ['an empty text', ''],
  ])('refuses %s', async (_, expires_at) => {
    const { worker, organization } = await expiringWorld();
    const body = { organization_id: organization, client_name: 'refused', expires_at };
    for (const answer of [
      await ask('POST', 'clients', { body }),
      await ask('PATCH', `clients/${worker.client_id}`, { body: { expires_at } }),
    ]) {
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({ errors: [{ pointer: '/expires_at' }] });
    }
  });

  test('can stay in the past while others change, and its changes are audited', async () => {
    const { worker } = await expiringWorld();
    await expire(worker, 10);
    setClock(20);
    const path = `clients/${worker.client_id}`;
    await done('PATCH', path, { body: { description: 'over', expires_at: time(10) } });
    await expire(worker, null);
    const events = await rowsOf(
      'SELECT changes FROM audit_events WHERE target = ? ORDER BY at, rowid',
      worker.client_id,
    );
    const changes = events.map((event) => JSON.parse(String(event.changes)).expires_at);
    expect(changes).toEqual([null, time(10), undefined, null]);
  });
});
