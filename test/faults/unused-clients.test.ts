import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { USE_FLUSH_MAX } from '../../src/client-gate/constants.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { DISABLED_PER_RUN, UNUSED_CHECK_INTERVAL, UNUSED_PAGE } from '../../src/disuse/constants.ts';
import { SCHEDULE } from '../../src/store/actors.ts';
import { alarmOf, gateOf, isTokenActive } from '../client-gate/gate.ts';
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
import { calls, type Fault, failing, resetCalls, withFault } from '../instruments.ts';
import { askWith, assertionOf, keyClient } from '../machines.ts';
import { keyWith, pointedAt, rowsOf } from '../management/rows.ts';
import { tokenOf, workloadClient } from '../oauth/client-authentication/workloads.ts';
import { seeded } from '../random.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { failingPushes, owedTo, runScheduled } from './owed.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2027, 2, 1);
const AT_DAY = (day: number, more = 0) => vi.setSystemTime(START + day * DAY + more);
const name = () => `name ${crypto.randomUUID()}`;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(async () => {
  vi.useRealTimers();
  // A run disables only so many clients: those of the next test must not wait for these.
  await env.DB.prepare('UPDATE organizations SET unused_check_at = NULL').run();
});

interface Shown {
  readonly status: string;
  readonly disabled_reason: string | null;
  readonly last_used_at: string | null;
}
const shown = ({ client_id }: Pick<Credentials, 'client_id'>) => done<Shown>('GET', `clients/${client_id}`);
const isDisabled = async (client: Pick<Credentials, 'client_id'>) => (await shown(client)).disabled_reason === 'unused';
const setPolicy = (organization: string, unused_clients: object | null) =>
  done('PATCH', `organizations/${organization}`, { body: { unused_clients } });
const reports = async (client: Pick<Credentials, 'client_id'>) =>
  rowsOf<{ at: number; data: string }>(
    "SELECT at, data FROM webhook_notices WHERE type = 'client.unused' AND target = ? ORDER BY at",
    client.client_id,
  );
const switches = async ({ client_id }: Pick<Credentials, 'client_id'>) => {
  const events = await rowsOf<{ changes: string }>(
    "SELECT changes FROM audit_events WHERE target = ? AND action = 'client.updated' AND actor = ? ORDER BY at, version",
    client_id,
    SCHEDULE,
  );
  return events.map(({ changes }) => JSON.parse(changes).status as string);
};
/** Lets gates tell D1 of last uses. */
async function flush(clients: readonly Pick<Credentials, 'client_id'>[]): Promise<void> {
  vi.setSystemTime(Date.now() + USE_FLUSH_MAX * 1000);
  for (const client of clients) {
    for (let set = await alarmOf(client); set !== null && set <= Date.now(); set = await alarmOf(client)) {
      await runDurableObjectAlarm(gateOf(client));
    }
  }
}
const knownUse = async ({ client_id }: Pick<Credentials, 'client_id'>) =>
  (await rowsOf<{ last_used_at: number | null }>('SELECT last_used_at FROM clients WHERE client_id = ?', client_id))[0]
    ?.last_used_at;

/** A client that is due to be disabled at day 61, and was reported. */
async function dueClient(title: string, fields = {}) {
  const disable_after_days = 60;
  const here = await world(title, fields);
  await getToken(here.worker);
  await flush([here.worker]);
  await setPolicy(here.organization, { report_after_days: 30, disable_after_days, except: [here.api.client_id] });
  AT_DAY(32);
  await runScheduled();
  expect(await reports(here.worker)).toHaveLength(1);
  AT_DAY(disable_after_days + 1);
  return here;
}

/** Carries out something while the write that disables a client is under way: before it is made, or after it was committed. */
const isDisabling = (sql: string) => sql.includes('"unused_since" = ?') && sql.includes('version_sequence');
function atWrite(when: 'before' | 'after', what: () => Promise<unknown>): Fault {
  let isOver = false;
  return async (call, sql) => {
    if (!isDisabling(sql) || isOver) return call();
    isOver = true;
    if (when === 'before') await what();
    const answer = await call();
    if (when === 'after') await what();
    return answer;
  };
}

/** A client with an expected end. */
interface Machine extends Pick<Credentials, 'client_id'> {
  readonly kind: string;
  readonly use: () => Promise<Response>;
}

test('of 60 clients of all kinds exactly those are disabled that should be, however often and with which failures the handler runs', async () => {
  const here = await world('sixty');
  const { organization, identifier } = here;
  const { below, pick } = seeded(15);
  const withSecret = async (kind: string, use: (client: Credentials) => Promise<Response>): Promise<Machine> => {
    const grants = [{ resource_server: identifier, scopes: ['read'] }];
    const fields = { organization_id: organization, client_name: name(), grants, introspects: [identifier] };
    const client = await createClient(fields);
    return { kind, client_id: client.client_id, use: () => use(client) };
  };
  const asks = (client: Credentials) => requestToken(client);
  const makers: Readonly<Record<string, () => Promise<Machine>>> = {
    secret: () => withSecret('secret', asks),
    introspection: () => withSecret('introspection', (client) => introspect(client, 'a token')),
    key: async () => {
      const signer = await newSigner('ES256');
      const client_id = await keyClient(here, name(), [signer.publicJwk]);
      return { kind: 'key', client_id, use: async () => askWith(await assertionOf(client_id, signer)) };
    },
    workload: async () => {
      const signer = await newSigner('ES256', { kid: 'a', use: 'sig' });
      const claims = { iss: 'https://workloads.example', sub: name() };
      const identity = { issuer: claims.iss, subject: claims.sub, jwks: { keys: [signer.publicJwk] } };
      const client_id = await workloadClient(here, [identity]);
      return { kind: 'workload', client_id, use: async () => askWith(await tokenOf(signer, claims), { client_id }) };
    },
    failing: () =>
      withSecret('failing', ({ client_id }) => requestToken({ client_id, client_secret: generateSecret('ems_') })),
    idle: () => withSecret('idle', asks),
    unused: () => withSecret('unused', asks),
    listed: () => withSecret('listed', asks),
    late: () => withSecret('late', asks),
    stopped: () => withSecret('stopped', asks),
  };
  const all: Machine[] = [];
  for (const make of Object.values(makers)) for (let count = 0; count < 6; count++) all.push(await make());
  const of = (...kinds: string[]) => all.filter(({ kind }) => kinds.includes(kind));
  const ids = (machines: readonly Machine[]) => machines.map(({ client_id }) => client_id).sort();
  const use = async (...kinds: string[]) => {
    for (const machine of of(...kinds)) await machine.use();
  };
  const except = [...ids(of('listed')), here.worker.client_id, here.api.client_id];
  await setPolicy(organization, { report_after_days: 30, disable_after_days: 60, except });
  await use('idle');

  // Runs the handler at the same time, again and again, with calls that fail.
  const runs = async () => {
    for (let round = 0; round < 4; round++) {
      let left = below(40);
      const how = pick(['is not made', 'loses its answer']);
      const store = pick(['d1', 'd1', 'gate'] as const);
      const fault: Fault = async (call) => {
        if (left-- !== 0) return call();
        if (how === 'loses its answer') await call();
        throw new Error('Network connection lost.');
      };
      await withFault(store, fault, () => Promise.all([runScheduled(), runScheduled()]));
    }
    // A gate that did not answer is asked again an hour later.
    vi.setSystemTime(Date.now() + UNUSED_CHECK_INTERVAL * 1000);
    for (let round = 0; round < 3; round++) await runScheduled();
  };
  AT_DAY(10);
  await use('failing');
  for (const { client_id } of of('stopped')) {
    await done('PATCH', `clients/${client_id}`, { body: { status: 'disabled' } });
  }
  AT_DAY(29);
  await use('secret', 'introspection', 'key', 'workload');
  await runs();
  expect(await rowsOf("SELECT * FROM webhook_notices WHERE type = 'client.unused'")).toEqual([]);
  AT_DAY(32);
  await runs();
  const reported = async () =>
    (await rowsOf<{ target: string }>("SELECT target FROM webhook_notices WHERE type = 'client.unused'"))
      .map(({ target }) => target)
      .sort();
  expect(await reported()).toEqual(ids(of('failing', 'idle', 'unused', 'late')));
  AT_DAY(58);
  await use('secret', 'introspection', 'key', 'workload', 'failing');
  AT_DAY(60, HOUR);
  // D1 does not know of this use.
  await use('late');
  AT_DAY(60, HOUR + 60_000);
  const [unreachable] = of('unused');
  await failing(`gate:${unreachable?.client_id}`, runs);
  const disabled = async () =>
    (
      await rowsOf<{ client_id: string }>(
        "SELECT client_id FROM clients WHERE status = 'disabled' AND unused_since IS NOT NULL",
      )
    )
      .map(({ client_id }) => client_id)
      .sort();
  // It was never asked for anything, so its gate need not be asked.
  expect(await disabled()).toEqual(ids(of('failing', 'idle', 'unused')));
  AT_DAY(61);
  await runs();
  expect(await disabled()).toEqual(ids(of('failing', 'idle', 'unused')));
  expect(await reported()).toEqual(ids(of('failing', 'idle', 'unused', 'late')));
  for (const machine of of('failing', 'idle', 'unused')) expect(await switches(machine)).toEqual(['disabled']);
  for (const machine of of('secret', 'introspection', 'key', 'workload', 'listed', 'late', 'stopped')) {
    expect([machine.kind, await switches(machine)]).toEqual([machine.kind, []]);
  }
  for (const { use: again, kind } of of('secret', 'introspection', 'key', 'workload', 'late', 'listed')) {
    expect([kind, (await again()).status]).toEqual([kind, 200]);
  }
  for (const { use: again, kind } of of('idle', 'unused', 'stopped')) {
    expect([kind, (await again()).status]).toEqual([kind, 401]);
  }
  expect(await owedTo()).toBe(0);
});

describe('a client used at the last moment stays,', () => {
  test('if D1 was not told of the use', async () => {
    const { worker } = await dueClient('not-told');
    await getToken(worker);
    expect(await knownUse(worker)).toBe(START);
    await runScheduled();
    expect(await switches(worker)).toEqual([]);
    expect(await knownUse(worker)).toBe(START + 61 * DAY);
  });

  test('if it is used between the question to its gate and the write', async () => {
    const { worker } = await dueClient('before-write');
    let token = '';
    const use = async () => {
      token = (await getToken(worker)).access_token;
    };
    await withFault('d1', atWrite('before', use), runScheduled);
    await runScheduled();
    expect(await switches(worker)).toEqual(['disabled', 'active']);
    expect(await shown(worker)).toMatchObject({ status: 'active', disabled_reason: null });
    await getToken(worker);
    const { jti, iat } = JSON.parse(atob(token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? ''));
    expect(await isTokenActive(worker, iat, jti)).toBe(true);
    expect(await owedTo(worker)).toBe(0);
    vi.setSystemTime(Date.now() + 2 * HOUR);
    await runScheduled();
    expect(await switches(worker)).toEqual(['disabled', 'active']);
  });

  test('if it is used after the write, while its gate takes no push', async () => {
    const { worker } = await dueClient('after-write');
    await failingPushes(worker, runScheduled);
    expect(await isDisabled(worker)).toBe(true);
    await getToken(worker);
    await flush([worker]);
    await failing('d1', () => flush([worker]));
    await runScheduled();
    expect(await switches(worker)).toEqual(['disabled', 'active']);
    await getToken(worker);
  });

  test.each([
    ['if the service is killed before it enables the client again', {}],
    [
      'and one that will expire, in the same way',
      { expires_at: `${new Date(START + 70 * DAY).toISOString().slice(0, 19)}Z` },
    ],
  ])('%s', async (_, fields) => {
    const { worker } = await dueClient(`killed-${Object.keys(fields).length}`, fields);
    const isEnabling = (sql: string, bound: readonly unknown[]) =>
      sql.includes('version_sequence') && bound.includes('{"status":"active","disabled_reason":null}');
    const use = atWrite('before', () => getToken(worker));
    await withFault(
      'd1',
      (call, sql, bound) =>
        isEnabling(sql, bound) ? Promise.reject(new Error('Network connection lost.')) : use(call, sql, bound),
      runScheduled,
    );
    expect(await switches(worker)).toEqual(['disabled']);
    // The gate goes on all the same.
    await getToken(worker);
    await runScheduled();
    expect(await switches(worker)).toEqual(['disabled', 'active']);
    await getToken(worker);
    if (!('expires_at' in fields)) return;
    AT_DAY(70);
    expect((await requestToken(worker)).status).toBe(401);
  });

  test('but not if an administrator disables it before its gate knows', async () => {
    const { worker } = await dueClient('by-hand');
    await failingPushes(worker, runScheduled);
    const { access_token } = await getToken(worker);
    const { jti, iat } = JSON.parse(atob(access_token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? ''));
    const answer = await done<Shown>('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
    expect(answer).toMatchObject({ status: 'disabled', disabled_reason: null });
    expect((await requestToken(worker)).status).toBe(401);
    expect(await isTokenActive(worker, iat, jti)).toBe(false);
    await runScheduled();
    expect(await shown(worker)).toMatchObject({ status: 'disabled', disabled_reason: null });
    expect(await switches(worker)).toEqual(['disabled']);
  });

  test('if it is its first use, for which its gate registers', async () => {
    const here = await world('first-use');
    await setPolicy(here.organization, { disable_after_days: 60, except: [here.api.client_id] });
    AT_DAY(61);
    await withFault(
      'd1',
      atWrite('before', () => getToken(here.worker)),
      runScheduled,
    );
    expect(await switches(here.worker)).toEqual([]);
    await getToken(here.worker);
  });

  test('and one that an administrator changed at that moment', async () => {
    const { worker } = await dueClient('changed');
    const change = () => done('PATCH', `clients/${worker.client_id}`, { body: { description: 'kept' } });
    await withFault('d1', atWrite('before', change), runScheduled);
    expect(await switches(worker)).toEqual([]);
    vi.setSystemTime(Date.now() + UNUSED_CHECK_INTERVAL * 1000);
    await runScheduled();
    expect(await switches(worker)).toEqual(['disabled']);
  });

  test('and one that was put on the list at that moment', async () => {
    const { worker, api: caller, organization } = await dueClient('listed-then');
    const change = () => setPolicy(organization, { except: [caller.client_id, worker.client_id] });
    await withFault('d1', atWrite('before', change), runScheduled);
    vi.setSystemTime(Date.now() + UNUSED_CHECK_INTERVAL * 1000);
    await runScheduled();
    expect(await switches(worker)).toEqual([]);
  });

  test('and one whose gate does not answer, until it does', async () => {
    const { worker } = await dueClient('unreachable');
    await failing(`gate:${worker.client_id}`, runScheduled);
    expect(await switches(worker)).toEqual([]);
    vi.setSystemTime(Date.now() + UNUSED_CHECK_INTERVAL * 1000);
    await runScheduled();
    expect(await switches(worker)).toEqual(['disabled']);
  });
});

test('a client that is enabled again has all of its days again, and is reported again', async () => {
  const { worker } = await dueClient('enabled');
  await runScheduled();
  expect(await shown(worker)).toMatchObject({ status: 'disabled', disabled_reason: 'unused' });
  expect((await requestToken(worker)).status).toBe(401);
  const enabled = await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'active' } });
  expect(enabled).toMatchObject({ status: 'active', disabled_reason: null });
  for (const days of [61, 62, 90]) {
    AT_DAY(days);
    await runScheduled();
  }
  expect(await switches(worker)).toEqual(['disabled']);
  // The one of its first disuse is no longer kept.
  expect(await reports(worker)).toEqual([]);
  AT_DAY(92);
  await runScheduled();
  expect(await reports(worker)).toHaveLength(1);
  AT_DAY(122);
  await runScheduled();
  expect(await switches(worker)).toEqual(['disabled', 'disabled']);
  // By hand it has no reason.
  await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'active' } });
  await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
  expect(await shown(worker)).toMatchObject({ status: 'disabled', disabled_reason: null });
});

test('a report says whose client it is, since when it is unused and when it is disabled, and the audit log who disabled it', async () => {
  const here = await world('reported', { owner: 'team-billing' });
  const { id } = await create<{ id: string }>('webhooks', {
    organization_id: here.organization,
    name: 'unused',
    url: 'https://down.hooks.example.com/in',
    events: ['client.unused', 'client.updated'],
  });
  await setPolicy(here.organization, { report_after_days: 30, disable_after_days: 60, except: [here.api.client_id] });
  AT_DAY(30, HOUR);
  await runScheduled();
  const [report] = await reports(here.worker);
  expect(JSON.parse(report?.data ?? '')).toEqual({
    client_name: 'worker',
    owner: 'team-billing',
    last_used_at: null,
    unused_since: new Date(START).toISOString(),
    disable_at: new Date(START + 60 * DAY + HOUR).toISOString(),
  });
  AT_DAY(60, HOUR);
  await runScheduled();
  expect(await isDisabled(here.worker)).toBe(true);
  const events = await done<{ data: object[] }>(
    'GET',
    `audit-events?organization_id=${here.organization}&target=${here.worker.client_id}&action=client.updated`,
  );
  expect(events.data).toMatchObject([
    { actor: SCHEDULE, changes: { status: 'disabled', disabled_reason: 'unused' }, address: '' },
  ]);
  const { data } = await done<{ data: { event: string }[] }>('GET', `webhooks/${id}/deliveries`);
  expect(data.map(({ event }) => event)).toEqual(['client.updated', 'client.unused']);
});

test('a policy that is switched on for many old clients reports them, and disables none for a week, and then as many a run as it may', async () => {
  const { organization, worker, api: caller } = await world('many-old');
  const count = DISABLED_PER_RUN + 5;
  for (let number = 0; number < count; number++) {
    await create('clients', { organization_id: organization, client_name: name() });
  }
  AT_DAY(500);
  const except = [worker.client_id, caller.client_id];
  await setPolicy(organization, { report_after_days: 30, disable_after_days: 60, except });
  await runScheduled();
  const told = "SELECT COUNT(*) AS count FROM webhook_notices WHERE type = 'client.unused' AND organization_id = ?";
  expect(await rowsOf(told, organization)).toEqual([{ count }]);
  const left = async () =>
    (
      await rowsOf<{ count: number }>(
        "SELECT COUNT(*) AS count FROM clients WHERE status = 'active' AND organization_id = ?",
        organization,
      )
    )[0]?.count;
  AT_DAY(506, 23 * HOUR);
  await runScheduled();
  expect(await left()).toBe(count + 2);
  AT_DAY(507);
  await runScheduled();
  expect(await left()).toBe(7);
  vi.setSystemTime(Date.now() + 60_000);
  await runScheduled();
  expect(await left()).toBe(2);
});

test('a disabled organization has no unused clients, and its clients have all of their days again when it is enabled', async () => {
  const { worker, organization } = await dueClient('switched-off');
  await done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } });
  await runScheduled();
  AT_DAY(400);
  await runScheduled();
  expect(await switches(worker)).toEqual([]);
  await done('PATCH', `organizations/${organization}`, { body: { status: 'active' } });
  for (const days of [400, 401, 429]) {
    AT_DAY(days);
    await runScheduled();
  }
  expect([await switches(worker), await reports(worker)]).toEqual([[], []]);
  AT_DAY(461);
  await runScheduled();
  expect([await switches(worker), (await reports(worker)).length]).toEqual([[], 1]);
  AT_DAY(469);
  await runScheduled();
  expect(await switches(worker)).toEqual(['disabled']);
});

test('without a policy, or after its end, nothing happens', async () => {
  const { worker, organization } = await dueClient('ended');
  await setPolicy(organization, null);
  AT_DAY(400);
  await runScheduled();
  expect(await switches(worker)).toEqual([]);
});

test('a run with nothing to do asks D1 once for it, and a look reads a page of those that are due', async () => {
  const { organization, worker } = await world('quiet');
  await setPolicy(organization, { report_after_days: 30 });
  await runScheduled();
  resetCalls();
  await runScheduled();
  const withPolicy = calls.d1;
  await setPolicy(organization, null);
  resetCalls();
  await runScheduled();
  expect(withPolicy).toBe(calls.d1);

  // As many clients in use as there are not: none of them is read.
  const rows = 3 * UNUSED_PAGE;
  const columns = (await rowsOf<{ name: string }>("SELECT name FROM pragma_table_info('clients')")).map(
    ({ name }) => name,
  );
  const values: Readonly<Record<string, string>> = {
    client_id: "'copy_' || value",
    client_name: "'copy ' || value",
    folded_name: "'copy ' || value",
    last_used_at: String(START + 400 * DAY),
  };
  await env.DB.prepare(
    `INSERT INTO clients (${columns.join()}) SELECT ${columns.map((column) => values[column] ?? column).join()}
    FROM clients, (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ${rows}) SELECT value FROM n)
    WHERE client_id = ?`,
  )
    .bind(worker.client_id)
    .run();
  AT_DAY(400);
  await setPolicy(organization, { report_after_days: 30 });
  let looked = 0;
  const fault: Fault = async (call, sql) => {
    const answer = await call();
    if (sql.includes('"unused_reported_at", "expires_at", "unused_excepted"'))
      looked += (answer as D1Result).meta?.rows_read ?? 0;
    return answer;
  };
  await withFault('d1', fault, runScheduled);
  expect(await reports(worker)).toHaveLength(1);
  expect(looked).toBeLessThan(20);
  await env.DB.prepare("DELETE FROM clients WHERE client_id LIKE 'copy_%'").run();
});

describe('the policy of an organization', () => {
  const policy = async (organization: string) =>
    (await done<{ unused_clients: unknown }>('GET', `organizations/${organization}`)).unused_clients;

  test('is off by default, and is set, merged and ended', async () => {
    const { organization, worker } = await world(`set-${crypto.randomUUID()}`);
    expect(await policy(organization)).toBeNull();
    await setPolicy(organization, { report_after_days: 60 });
    expect(await policy(organization)).toEqual({ report_after_days: 60, disable_after_days: null, except: [] });
    await setPolicy(organization, { disable_after_days: 90, except: [worker.client_id] });
    expect(await policy(organization)).toEqual({
      report_after_days: 60,
      disable_after_days: 90,
      except: [worker.client_id],
    });
    const { data } = await done<{ data: { id: string; unused_clients: unknown }[] }>('GET', 'organizations?limit=100');
    expect(data.find(({ id }) => id === organization)?.unused_clients).toEqual(await policy(organization));
    await setPolicy(organization, { report_after_days: null });
    await done('DELETE', `clients/${worker.client_id}`);
    expect(await policy(organization)).toEqual({ report_after_days: null, disable_after_days: 90, except: [] });
    await setPolicy(organization, null);
    expect(await policy(organization)).toBeNull();
    const created = await create('organizations', { name: name(), unused_clients: { disable_after_days: 3650 } });
    expect(await policy(created.id ?? '')).toMatchObject({ disable_after_days: 3650 });
  });

  test.each([
    ['no days', { except: [] }, '/unused_clients'],
    ['0 days', { report_after_days: 0 }, '/unused_clients/report_after_days'],
    ['a fraction', { report_after_days: 1.5 }, '/unused_clients/report_after_days'],
    ['more than ten years', { disable_after_days: 3651 }, '/unused_clients/disable_after_days'],
    ['2^53 days', { disable_after_days: 2 ** 53 }, '/unused_clients/disable_after_days'],
    [
      'disabling before the report',
      { report_after_days: 60, disable_after_days: 59 },
      '/unused_clients/disable_after_days',
    ],
    ['an unknown client', { report_after_days: 1, except: ['nobody'] }, '/unused_clients/except/0'],
    ['a client twice', { report_after_days: 1, except: ['a', 'a'] }, '/unused_clients/except'],
    [
      'too many clients',
      { report_after_days: 1, except: Array.from({ length: 1001 }, (_, number) => `client-${number}`) },
      '/unused_clients/except',
    ],
    ['a member that it does not have', { report_after_days: 1, days: 1 }, '/unused_clients/days'],
  ])('with %s is refused, with the field', async (_, unused_clients, pointer) => {
    const { id } = await create('organizations', { name: name() });
    const changed = await pointedAt(await api('PATCH', `organizations/${id}`, { body: { unused_clients } }));
    const created = await pointedAt(await api('POST', 'organizations', { body: { name: name(), unused_clients } }));
    expect([...new Set([...changed, ...created])]).toEqual([pointer]);
  });

  test('leaves alone only clients of the organization, and is set by the root key only', async () => {
    const [here, other] = [await world(`own-${crypto.randomUUID()}`), await world(`other-${crypto.randomUUID()}`)];
    const body = { unused_clients: { report_after_days: 1, except: [other.worker.client_id] } };
    const refused = await api('PATCH', `organizations/${here.organization}`, { body });
    expect(await pointedAt(refused)).toEqual(['/unused_clients/except/0']);
    const key = await keyWith(here.organization, ['organizations:read', 'clients:write']);
    const forbidden = await api('PATCH', `organizations/${here.organization}`, {
      key,
      body: { unused_clients: { report_after_days: 1 } },
    });
    expect(forbidden.status).toBe(403);
  });
});

describe('a secondary secret that nobody uses', () => {
  const WEEKS = 8 * DAY + HOUR;
  const notices = async ({ client_id }: Credentials) =>
    (
      await rowsOf<{ data: string }>(
        "SELECT data FROM webhook_notices WHERE type = 'secret.unused_secondary' AND target = ? ORDER BY at",
        client_id,
      )
    ).map(({ data }) => JSON.parse(data) as { secret: string; unused_since: string });
  const rotate = async ({ client_id }: Credentials, body: object = {}): Promise<Credentials> => {
    const { client_secret = '' } = await create(`clients/${client_id}/secrets/rotate`, body);
    return { client_id, client_secret };
  };

  /** A client with two secrets, whose old one is the secondary one. */
  async function rotated() {
    const { worker: old } = await world(`rotated-${crypto.randomUUID()}`);
    await getToken(old);
    return { old, fresh: await rotate(old) };
  }

  test('is reported once, eight days after its last use, however often the handler runs', async () => {
    const { old, fresh } = await rotated();
    vi.setSystemTime(START + 4 * DAY);
    await getToken(old);
    await getToken(fresh);
    vi.setSystemTime(START + WEEKS);
    await runScheduled();
    vi.setSystemTime(START + 4 * DAY + WEEKS - 1);
    await runScheduled();
    expect(await notices(old)).toEqual([]);
    vi.setSystemTime(START + 4 * DAY + WEEKS);
    await Promise.all([runScheduled(), runScheduled(), runScheduled()]);
    vi.setSystemTime(START + 20 * DAY);
    await runScheduled();
    const { data } = await done<{ data: { id: string; rank: string; safe_to_delete: boolean }[] }>(
      'GET',
      `clients/${old.client_id}/secrets`,
    );
    const secondary = data.find(({ rank }) => rank === 'secondary');
    expect(secondary?.safe_to_delete).toBe(true);
    const unused_since = new Date(START + 4 * DAY).toISOString();
    expect(await notices(old)).toEqual([{ secret: secondary?.id, hint: expect.any(String), unused_since }]);
    // The next one is another.
    await rotate(old, { replace_secondary: true });
    vi.setSystemTime(START + 30 * DAY);
    await runScheduled();
    expect((await notices(old)).map(({ secret }) => secret === secondary?.id)).toEqual([true, false]);
  });

  test('is reported again after it was the primary one', async () => {
    const { old } = await rotated();
    vi.setSystemTime(START + WEEKS);
    await runScheduled();
    const [{ secret = '' } = {}] = await notices(old);
    await done('POST', `clients/${old.client_id}/secrets/${secret}/promote`, { body: {} });
    await getToken(old);
    await rotate(old, { replace_secondary: true });
    vi.setSystemTime(START + 2 * WEEKS);
    await runScheduled();
    expect((await notices(old)).map((notice) => notice.secret)).toEqual([secret, secret]);
  });

  test('is not reported if it has expired, and later if its gate does not answer', async () => {
    const { worker: old } = await world('expired-secondary');
    await getToken(old);
    await rotate(old, { grace_seconds: 3600 });
    const { old: other } = await rotated();
    vi.setSystemTime(START + WEEKS);
    await failing('gate', runScheduled);
    await runScheduled();
    expect([await notices(old), await notices(other)]).toEqual([[], []]);
    vi.setSystemTime(START + WEEKS + HOUR);
    await runScheduled();
    expect([(await notices(old)).length, (await notices(other)).length]).toEqual([0, 1]);
  });
});
