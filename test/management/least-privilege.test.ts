import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SCOPE_HOLD_MS } from '../../src/client-gate/constants.ts';
import { gateOf, gates } from '../client-gate/gate.ts';
import {
  api,
  type Credentials,
  create,
  createClient,
  done,
  getToken,
  introspect,
  requestToken,
  world,
} from '../http.ts';
import { calls, failing, gateStorage, resetCalls, withFault } from '../instruments.ts';
import { rowsOf } from './rows.ts';

// Ahead of the runtime's clock, so that no alarm goes off by itself.
const START = Date.UTC(2028, 2, 1, 8, 20);
const D1_NOW = Date.now();
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

interface Scope {
  readonly resource_server: string;
  readonly scope: string | null;
  readonly direct: boolean;
  readonly roles: readonly string[];
  readonly last_requested_at: string | null;
  readonly last_issued_at: string | null;
  readonly last_introspected_at: string | null;
  readonly status: string;
  readonly unused_since: string | null;
  readonly reason: string | null;
}

interface Judgement {
  readonly client_id: string;
  readonly client_name: string;
  readonly etag: string;
  readonly unused_since: string;
  readonly observed_since: string | null;
  readonly scopes: readonly Scope[];
  readonly roles: readonly {
    readonly name: string;
    readonly suggestion: string;
    readonly shared: boolean;
    readonly unused: unknown;
  }[];
  readonly patch: {
    readonly grants?: readonly { readonly resource_server: string; readonly scopes: readonly string[] }[];
  };
}

const hourOf = (time: number) => at(Math.floor(time / HOUR) * HOUR);
const at = (time: number) => new Date(time).toISOString();
const judge = (client: Pick<Credentials, 'client_id'>, days = 3) =>
  done<Judgement>('GET', `clients/${client.client_id}/least-privilege?unused_for=${days}`);
const apply = (
  { client_id }: Pick<Credentials, 'client_id'>,
  { etag, unused_since, patch }: Pick<Judgement, 'etag' | 'unused_since' | 'patch'>,
) =>
  api('POST', `clients/${client_id}/least-privilege/apply`, {
    body: { unused_since, patch },
    headers: { 'If-Match': etag },
  });
const statuses = ({ scopes }: Judgement) =>
  Object.fromEntries(scopes.map(({ scope, status, reason }) => [scope, reason ?? status]));
const grantsOf = async ({ client_id }: Pick<Credentials, 'client_id'>) =>
  (await done<{ grants: unknown }>('GET', `clients/${client_id}`)).grants;

test('a scope that no request names for days is unused, and since when is said no earlier than is certain', async () => {
  const { worker, identifier } = await world('lp-named');
  await getToken(worker, { scope: 'read write' });
  vi.setSystemTime(START + 2 * DAY + 10 * 60_000);
  await getToken(worker, { scope: 'read' });
  vi.setSystemTime(START + 5 * DAY);
  const judged = await judge(worker);
  const hour = Math.floor(START / HOUR) * HOUR;
  const read = hour + 2 * DAY;
  expect(judged).toMatchObject({
    observed_since: at(START),
    unused_since: at(START + 2 * DAY),
    scopes: [
      {
        resource_server: identifier,
        scope: 'read',
        direct: true,
        roles: [],
        last_requested_at: at(read),
        last_issued_at: at(read),
        last_introspected_at: null,
        status: 'used',
        unused_since: null,
      },
      {
        scope: 'write',
        last_requested_at: at(hour),
        status: 'unused',
        // The hour may have been over when it was used, and its token lived for a day at most.
        unused_since: at(hour + HOUR + DAY),
        reason: null,
      },
    ],
    patch: { grants: [{ resource_server: identifier, scopes: ['read'] }] },
  });
  const applied = await apply(worker, judged);
  expect(applied.status).toBe(200);
  expect(await grantsOf(worker)).toEqual([{ resource_server: identifier, scopes: ['read'] }]);
  expect((await requestToken(worker, { scope: 'write' })).status).toBe(400);
  expect((await requestToken(worker, { scope: 'read' })).status).toBe(200);
  const [event] = await rowsOf<{ action: string; changes: string }>(
    'SELECT action, changes FROM audit_events WHERE target = ? ORDER BY version DESC LIMIT 1',
    worker.client_id,
  );
  expect(event?.action).toBe('client.updated');
  expect(JSON.parse(event?.changes ?? '')).toEqual({ grants: [{ resource_server: identifier, scopes: ['read'] }] });
  expect((await apply(worker, judged)).status).toBe(412);
});

test('the hot path asks and writes no more than before', async () => {
  const { worker } = await world('lp-cost', { rate_limit: { per_minute: 6000, burst: 1000 } });
  await getToken(worker, { scope: 'read' });
  resetCalls();
  for (let times = 0; times < 20; times++) await getToken(worker, { scope: 'read' });
  expect(calls).toMatchObject({ d1: 0, kv: 0, gate: 20 });
  // One of a request that is not busy yet.
  expect(gateStorage.rowsWritten).toBe(1);
  // The first use of a scope in an hour is durable before its token leaves.
  await getToken(worker, { scope: 'write' });
  await getToken(worker, { scope: 'write' });
  expect(gateStorage.rowsWritten).toBe(2);
  await evictDurableObject(gateOf(worker));
  vi.setSystemTime(START + 4 * DAY);
  expect((await judge(worker)).scopes.map((scope) => scope.last_requested_at)).toEqual([hourOf(START), hourOf(START)]);
});

test('an introspection at the gate counts, and writes a row once an hour', async () => {
  const { worker, api: caller } = await world('lp-introspects', { access_token_ttl: 86_400 });
  const { access_token } = await getToken(worker);
  vi.setSystemTime(START + 5 * HOUR);
  await introspect(caller, 'no token');
  resetCalls();
  for (let times = 0; times < 10; times++) await introspect(caller, access_token, { scope: 'read' });
  expect(gateStorage.rowsWritten).toBe(1);
  await evictDurableObject(gateOf(worker));
  const before = await judge(worker);
  expect(before.scopes.map((scope) => scope.last_introspected_at)).toEqual([hourOf(START + 5 * HOUR), null]);
  await introspect(caller, access_token);
  const { scopes } = await judge(worker);
  expect(scopes.map((scope) => scope.last_introspected_at)).toEqual([
    hourOf(START + 5 * HOUR),
    hourOf(START + 5 * HOUR),
  ]);
});

test('of a request that names no scopes, nothing shows that they are not needed', async () => {
  const { worker } = await world('lp-unnamed');
  await getToken(worker, { scope: 'read write' });
  vi.setSystemTime(START + 4 * DAY);
  await getToken(worker);
  const judged = await judge(worker);
  expect(statuses(judged)).toEqual({ read: 'issued_unnamed', write: 'issued_unnamed' });
  expect(judged.patch).toEqual({});
});

test('a refused request that names a scope shows that the client wants it', async () => {
  const { worker } = await world('lp-refused');
  await getToken(worker, { scope: 'read' });
  vi.setSystemTime(START + 5 * DAY);
  expect((await requestToken(worker, { scope: 'write admin' })).status).toBe(400);
  expect(statuses(await judge(worker))).toEqual({ read: 'unused', write: 'used' });
});

test('a client that never made a request uses nothing since its grants last changed', async () => {
  const { worker, identifier } = await world('lp-never');
  vi.setSystemTime(START + 2 * DAY);
  expect(statuses(await judge(worker))).toEqual({ read: 'observed_too_briefly', write: 'observed_too_briefly' });
  vi.setSystemTime(START + 4 * DAY);
  const judged = await judge(worker);
  expect(judged).toMatchObject({ observed_since: at(START), patch: { grants: [] } });
  // The look does not wake it.
  expect(await rowsOf('SELECT name FROM gates WHERE client_id = ?', worker.client_id)).toEqual([]);
  // It begins to use one between the look and the change.
  const beginning = withFault('d1', useFirst(worker, { scope: 'read' }, /insert into "version_sequence"/), () =>
    apply(worker, judged),
  );
  expect((await beginning).status).toBe(409);
  expect(await grantsOf(worker)).toEqual([{ resource_server: identifier, scopes: ['read', 'write'] }]);
});

test('a new grant, and one that came back, count from their grant', async () => {
  const { worker, identifier } = await world('lp-new-grant');
  const grant = (...scopes: string[]) => ({ grants: [{ resource_server: identifier, scopes }] });
  await getToken(worker, { scope: 'write' });
  vi.setSystemTime(START + 2 * DAY);
  await done('PATCH', `clients/${worker.client_id}`, { body: grant('read', 'write', 'admin') });
  await done('PATCH', `clients/${worker.client_id}`, { body: grant('write', 'admin') });
  await done('PATCH', `clients/${worker.client_id}`, { body: grant('read', 'write', 'admin') });
  await evictDurableObject(gateOf(worker));
  vi.setSystemTime(START + 4 * DAY + HOUR);
  expect(statuses(await judge(worker))).toEqual({
    admin: 'observed_too_briefly',
    read: 'observed_too_briefly',
    write: 'unused',
  });
  vi.setSystemTime(START + 5 * DAY);
  const { scopes } = await judge(worker);
  expect(scopes.map(({ scope, unused_since }) => [scope, unused_since])).toEqual([
    ['admin', at(START + 2 * DAY)],
    ['read', at(START + 2 * DAY)],
    ['write', at(Date.parse(hourOf(START)) + HOUR + DAY)],
  ]);
});

test('roles are reported with what can be done, and never patched', async () => {
  const { organization, identifier } = await world('lp-roles');
  const role = (name: string, ...scopes: string[]) =>
    create('roles', { organization_id: organization, name, grants: [{ resource_server: identifier, scopes }] });
  await Promise.all([role('all-unused', 'admin'), role('shared', 'read', 'admin'), role('own', 'read', 'write')]);
  const named = (client_name: string, roles: string[], grants: object[] = []) =>
    createClient({ organization_id: organization, client_name, roles, grants });
  const client = await named(
    'holder',
    ['all-unused', 'shared', 'own'],
    [{ resource_server: identifier, scopes: ['admin'] }],
  );
  await named('other', ['shared']);
  await getToken(client, { scope: 'read' });
  vi.setSystemTime(START + 4 * DAY);
  await getToken(client, { scope: 'read' });
  const judged = await judge(client);
  expect(judged.scopes.map(({ scope, direct, roles, status }) => [scope, direct, roles, status])).toEqual([
    ['admin', true, ['all-unused', 'shared'], 'unused'],
    ['read', false, ['own', 'shared'], 'used'],
    ['write', false, ['own'], 'unused'],
  ]);
  const unused = (...scopes: string[]) => [{ resource_server: identifier, scopes }];
  expect(judged.roles).toEqual([
    expect.objectContaining({
      name: 'all-unused',
      shared: false,
      unused: unused('admin'),
      suggestion: 'remove_from_client',
    }),
    expect.objectContaining({ name: 'own', shared: false, unused: unused('write'), suggestion: 'edit_role' }),
    expect.objectContaining({ name: 'shared', shared: true, unused: unused('admin'), suggestion: 'split_role' }),
  ]);
  // Tokens were issued for the resource server, so the grant itself stays.
  expect(judged.patch).toEqual({ grants: unused() });
  expect((await apply(client, judged)).status).toBe(200);
  expect((await requestToken(client, { scope: 'admin' })).status).toBe(200);
});

test('a grant of a resource server for which no token was issued goes as a whole', async () => {
  const { organization, identifier } = await world('lp-whole');
  const other = await create('resource-servers', {
    organization_id: organization,
    identifier: 'https://lp-other.example.com',
    name: 'other',
    scopes: [{ name: 'a' }],
  });
  const client = await createClient({
    organization_id: organization,
    client_name: 'both',
    grants: [
      { resource_server: identifier, scopes: ['read'] },
      { resource_server: other.identifier, scopes: ['a'] },
      { resource_server: `${identifier}`, scopes: ['write'] },
    ],
  });
  await getToken(client, { resource: identifier, scope: 'read' });
  vi.setSystemTime(START + 4 * DAY);
  await getToken(client, { resource: identifier, scope: 'read' });
  const judged = await judge(client);
  expect(judged.patch).toEqual({ grants: [{ resource_server: identifier, scopes: ['read'] }] });
  const answers = await slowly(client, async (isHeld) => {
    const applied = apply(client, judged);
    await isHeld();
    return [await requestToken(client, { resource: other.identifier ?? '' }), await applied];
  });
  expect(answers.map(({ status }) => status)).toEqual([400, 200]);
});

describe('a patch is refused', () => {
  /** Returns a client that does not use \`write\`, and its judgement. */
  async function unusedWrite(name: string) {
    const made = await world(name);
    await getToken(made.worker, { scope: 'read' });
    vi.setSystemTime(START + 4 * DAY);
    await getToken(made.worker, { scope: 'read' });
    return { ...made, judged: await judge(made.worker) };
  }
  const both = (resource_server: string) => [{ resource_server, scopes: ['read', 'write'] }];

  test('if the client has changed since the judgement', async () => {
    const { worker, judged } = await unusedWrite('lp-changed');
    await done('PATCH', `clients/${worker.client_id}`, { body: { description: 'changed' } });
    expect((await apply(worker, judged)).status).toBe(412);
    const unnamed = await api('POST', `clients/${worker.client_id}/least-privilege/apply`, {
      body: { unused_since: judged.unused_since, patch: judged.patch },
    });
    expect(await unnamed.json()).toMatchObject({ status: 422, errors: [{ parameter: 'If-Match' }] });
  });

  test.each([
    ['by name', { scope: 'write' }],
    ['without names', {}],
  ])('if the client used the scope %s after the judgement', async (how, form) => {
    const { worker, identifier, judged } = await unusedWrite(`lp-used-${how.replace(' ', '-')}`);
    await getToken(worker, form);
    const response = await apply(worker, judged);
    expect(await response.json()).toMatchObject({ status: 409, errors: [{ pointer: '/patch/grants' }] });
    expect(await grantsOf(worker)).toEqual(both(identifier));
    expect((await requestToken(worker, { scope: 'write' })).status).toBe(200);
  });

  test('if it uses the scope after the last question, before the gate holds it', async () => {
    const { worker, identifier, judged } = await unusedWrite('lp-last-moment');
    const response = await withFault(
      `gate:${worker.client_id}`,
      useFirst(worker, { scope: 'write' }, /holdScopes/),
      () => apply(worker, judged),
    );
    expect(await response.json()).toMatchObject({
      status: 409,
      errors: [{ detail: expect.stringContaining('`write`') }],
    });
    expect(await grantsOf(worker)).toEqual(both(identifier));
  });

  test('if it adds, if it removes nothing, if the time is too short, or of a used scope', async () => {
    const { worker, identifier, judged } = await unusedWrite('lp-wrong');
    const of = (scopes: string[], more = {}) => ({
      ...judged,
      patch: { grants: [{ resource_server: identifier, scopes }] },
      ...more,
    });
    const answers = [
      await apply(worker, of(['read', 'admin'])),
      await apply(worker, of(['read', 'write'])),
      await apply(worker, of(['read'], { unused_since: at(Date.now() - DAY + 1) })),
      await apply(worker, of(['write'])),
      await apply(worker, { ...judged, patch: { grants: [] } }),
      await apply(worker, { ...judged, patch: {} }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([422, 422, 422, 409, 409, 422]);
    expect(await grantsOf(worker)).toEqual(both(identifier));
  });

  test('if D1 makes the change too late, when the gate no longer holds the scope', async () => {
    const { worker, identifier } = await world('lp-too-late');
    vi.setSystemTime(D1_NOW - 4 * DAY);
    await getToken(worker, { scope: 'read' });
    // D1 has a clock of its own, which cannot be set.
    vi.setSystemTime(D1_NOW - SCOPE_HOLD_MS);
    const judged = await judge(worker);
    expect(statuses(judged)).toEqual({ read: 'used', write: 'unused' });
    expect((await apply(worker, judged)).status).toBe(409);
    expect(await grantsOf(worker)).toEqual(both(identifier));
    expect((await requestToken(worker, { scope: 'write' })).status).toBe(200);
  });

  test('if the gate does not answer, with 503; and nothing is known then', async () => {
    const { worker, identifier, judged } = await unusedWrite('lp-gone');
    await failing(`gate:${worker.client_id}`, async () => {
      expect((await apply(worker, judged)).status).toBe(503);
      const now = await judge(worker);
      expect(statuses(now)).toEqual({ read: 'gate_unavailable', write: 'gate_unavailable' });
      expect(now).toMatchObject({ observed_since: null, patch: {} });
    });
    expect(await grantsOf(worker)).toEqual(both(identifier));
  });

  test('if the gate runs an older version, or lacks a change', async () => {
    const { worker, judged } = await unusedWrite('lp-older');
    const older = async (call: () => Promise<unknown>) => {
      const { scopes: _, ...answer } = (await call()) as Record<string, unknown>;
      return answer;
    };
    await withFault(`gate:${worker.client_id}`, older, async () => {
      expect(statuses(await judge(worker))).toEqual({ read: 'gate_older', write: 'gate_older' });
      expect((await apply(worker, judged)).status).toBe(409);
    });
    await env.DB.prepare('UPDATE clients SET version = version + 1000 WHERE client_id = ?')
      .bind(worker.client_id)
      .run();
    expect(statuses(await judge(worker))).toEqual({ read: 'gate_behind', write: 'gate_behind' });
  });
});

describe('while a patch is applied', () => {
  test('a request for such a scope waits, and is then refused; another one does not wait', async () => {
    const { worker } = await world('lp-meanwhile');
    await getToken(worker, { scope: 'read' });
    vi.setSystemTime(START + 4 * DAY);
    await getToken(worker, { scope: 'read' });
    const judged = await judge(worker);
    const seen: string[] = [];
    const answers = await slowly(worker, async (isHeld) => {
      const applied = apply(worker, judged).finally(() => seen.push('applied'));
      await isHeld();
      const write = requestToken(worker, { scope: 'write' }).finally(() => seen.push('write'));
      const read = await requestToken(worker, { scope: 'read' });
      seen.push('read');
      return [await applied, await write, read];
    });
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 200]);
    expect(seen[0]).toBe('read');
  });

  test('of two, one is applied', async () => {
    const { worker } = await world('lp-two');
    await getToken(worker, { scope: 'read' });
    vi.setSystemTime(START + 4 * DAY);
    await getToken(worker, { scope: 'read' });
    const judged = await judge(worker);
    const answers = await Promise.all([apply(worker, judged), apply(worker, judged)]);
    const [first, second] = answers.map(({ status }) => status).sort();
    expect(first).toBe(200);
    expect([409, 412]).toContain(second);
  });

  test('the gate that is evicted still holds the scope, for some seconds', async () => {
    const { worker, identifier } = await world('lp-evicted');
    await getToken(worker, { scope: 'read' });
    vi.setSystemTime(START + 4 * DAY);
    const scopes = [{ resource: identifier, scopes: ['write'], whole: false }];
    const request = { client_id: worker.client_id, id: 'one', unused_since: START + 2 * DAY, scopes };
    expect(await gates.holdScopes(request)).toEqual({ outcome: 'held' });
    expect(await gates.holdScopes({ ...request, id: 'two' })).toEqual({ outcome: 'busy' });
    await evictDurableObject(gateOf(worker));
    expect((await requestToken(worker, { scope: 'write' })).status).toBe(503);
    expect((await requestToken(worker)).status).toBe(503);
    expect((await requestToken(worker, { scope: 'read' })).status).toBe(200);
    vi.setSystemTime(START + 4 * DAY + SCOPE_HOLD_MS);
    expect((await requestToken(worker, { scope: 'write' })).status).toBe(200);
    expect(await gates.holdScopes({ ...request, id: 'two' })).toMatchObject({ outcome: 'used' });
  });
});

/** Lets a client get a token right before the first call that asks for this. */
function useFirst(client: Credentials, form: Record<string, string>, pattern: RegExp) {
  let isFirst = true;
  return async (call: () => Promise<unknown>, asked: string) => {
    if (isFirst && pattern.test(asked)) {
      isFirst = false;
      await getToken(client, form);
    }
    return call();
  };
}

/** Lets the push to a client's gate take a while. */
async function slowly<T>(
  { client_id }: Credentials,
  during: (isHeld: () => Promise<unknown>) => Promise<T>,
): Promise<T> {
  let isHeld = false;
  const slow = async (call: () => Promise<unknown>, asked: string) => {
    if (asked === 'update') await scheduler.wait(400);
    const answer = await call();
    if (asked === 'holdScopes') isHeld = true;
    return answer;
  };
  return withFault(`gate:${client_id}`, slow, () => during(() => vi.waitUntil(() => isHeld)));
}
