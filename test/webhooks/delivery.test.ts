import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PROMPT_SENDING_MS, WEBHOOK_LEASE, WEBHOOK_RETRY_AGE } from '../../src/webhooks/constants.ts';
import { gateOf } from '../client-gate/gate.ts';
import { api, create, createClient, done, getToken, manage } from '../http.ts';
import { type Fault, failing, withFault } from '../instruments.ts';
import { runScheduled } from '../management/scheduled.ts';
import { Receiver, receiving, verified } from './receiver.ts';

const MINUTE = 60_000;
const name = () => `name ${crypto.randomUUID()}`;
const newOrganization = async () => (await create('organizations', { name: name() })).id ?? '';
/** Makes an event of an organization, and returns the id of the role that it is about. */
const makeEvent = async (organization_id: string) =>
  (await create('roles', { organization_id, name: name() })).id ?? '';

interface Delivery {
  readonly event_id: string;
  readonly status: string;
  readonly attempts: number;
  readonly last_status: number | null;
  readonly last_fault: string | null;
}
const deliveries = async ({ id }: { id: string }) =>
  (await done<{ data: Delivery[] }>('GET', `webhooks/${id}/deliveries`)).data;
const show = (id: string) => done<Record<string, unknown>>('GET', `webhooks/${id}`);
/** Waits until a delivery has had an attempt. */
const attempted = (webhook: { id: string }, count = 1) =>
  vi.waitFor(
    async () => {
      const tried = (await deliveries(webhook)).filter(({ attempts }) => attempts > 0);
      if (tried.length < count) throw new Error(`${tried.length} of ${count} were attempted`);
      return tried;
    },
    { timeout: 60_000, interval: 50 },
  );

afterEach(() => {
  vi.useRealTimers();
});

test('an event arrives soon after its write, signed as Standard Webhooks says', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization);
  await receiver.waitFor(1);
  const role = await makeEvent(organization);
  const requests = await receiver.waitFor(2);
  const [created, second] = requests.map((request) => verified(webhook.signing_secret, request));
  expect(created).toMatchObject({ type: 'webhook.created', data: { target: webhook.id } });
  const { data: events } = await done<{ data: { id: string; at: string; changes: object }[] }>(
    'GET',
    `audit-events?target=${role}&organization_id=${organization}`,
  );
  expect(second).toEqual({
    type: 'role.created',
    timestamp: events[0]?.at,
    data: {
      id: events[0]?.id,
      organization_id: organization,
      target: role,
      actor: 'root',
      address: expect.any(String),
      request_id: expect.any(String),
      changes: events[0]?.changes,
    },
  });
  expect(requests[1]?.headers).toMatchObject({
    'webhook-id': events[0]?.id,
    'content-type': 'application/json',
    'user-agent': 'Edgemint',
  });
  await vi.waitFor(async () =>
    expect((await deliveries(webhook))[0]).toMatchObject({ status: 'delivered', attempts: 1, last_status: 204 }),
  );
});

test('a webhook gets the events that it names, of its organization only, and one of the instance gets those of all', async () => {
  const [organization, other] = [await newOrganization(), await newOrganization()];
  const roles = { events: ['role.created'] };
  const { receiver, webhook } = await receiving(organization, roles);
  const instance = await receiving(null, roles);
  const none = await receiving(organization, { events: ['role.deleted'] });
  const made = [await makeEvent(organization), await makeEvent(other)];
  await instance.receiver.waitFor(2);
  const targets = (await instance.receiver.payloads(instance.webhook.signing_secret)).map(({ data }) => data.target);
  expect(targets).toEqual(expect.arrayContaining(made));
  await receiver.waitFor(1);
  expect((await receiver.payloads(webhook.signing_secret)).map(({ data }) => data.target)).toEqual([made[0]]);
  expect(await none.receiver.received()).toEqual([]);
  await done('DELETE', `webhooks/${instance.webhook.id}`);
});

test('after a rotation both secrets verify until the grace period ends', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['role.created'] });
  const path = `webhooks/${webhook.id}/rotate-secret`;
  const rotated = await create<typeof webhook>(path, { grace_seconds: 600 });
  expect(rotated.signing_secrets).toHaveLength(2);
  expect((await manage(path, {})).status).toBe(409);
  await makeEvent(organization);
  const [both] = await receiver.waitFor(1);
  if (!both) throw new Error('nothing arrived');
  for (const secret of [webhook.signing_secret, rotated.signing_secret])
    expect(verified(secret, both).type).toBe('role.created');
  expect(() => verified(`whsec_${btoa('another secret of 24 bytes')}`, both)).toThrow();
  expect(() => verified(rotated.signing_secret, { ...both, body: both.body.replace('role', 'rule') })).toThrow();

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
  expect(await show(webhook.id)).toMatchObject({ signing_secrets: [{ expires_at: null }] });
  await makeEvent(organization);
  const [, later] = await receiver.waitFor(2);
  if (!later) throw new Error('nothing arrived');
  expect(verified(rotated.signing_secret, later).type).toBe('role.created');
  expect(() => verified(webhook.signing_secret, later)).toThrow();
});

test('with the receiver down for an hour, every event arrives when it is back, and few requests were made meanwhile', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['role.created'] }, { breaks: 'at_once' });
  const start = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: start });
  const made = new Set<string>();
  for (let minute = 0; minute < 60; minute++) {
    vi.setSystemTime(start + minute * MINUTE);
    made.add(await makeEvent(organization));
    await runScheduled(start + minute * MINUTE);
  }
  expect((await receiver.received()).length).toBeLessThan(40);
  expect(await show(webhook.id)).toMatchObject({ status: 'active', failing_since: expect.any(String) });
  await receiver.answers();
  const before = (await receiver.received()).length;
  for (let minute = 60; minute < 75; minute++) await runScheduled(start + minute * MINUTE);
  const arrived = (await receiver.payloads(webhook.signing_secret)).slice(before).map(({ data }) => data.target);
  expect(new Set(arrived)).toEqual(made);
  expect(await show(webhook.id)).toMatchObject({ failing_since: null });
  expect((await deliveries(webhook)).every(({ status }) => status === 'delivered')).toBe(true);
}, 240_000);

test('a receiver that is killed in the middle gets the event again', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['role.created'] }, { breaks: 'at_once' });
  const role = await makeEvent(organization);
  expect(await attempted(webhook)).toMatchObject([{ status: 'pending', last_fault: 'network' }]);
  await receiver.answers();
  await runScheduled(Date.now() + MINUTE);
  const targets = (await receiver.payloads(webhook.signing_secret)).map(({ data }) => data.target);
  expect(targets).toEqual([role, role]);
});

describe('a receiver', () => {
  test.each([
    [
      'that redirects is not followed',
      { status: 307, headers: { Location: 'https://elsewhere.example.com/' } },
      'redirect',
      307,
    ],
    ['that refuses is tried again', { status: 500, body: 'a'.repeat(1000) }, 'status', 500],
  ] as const)('%s', async (_, play, fault, status) => {
    const organization = await newOrganization();
    const { receiver, webhook } = await receiving(organization, { events: ['role.created'] }, play);
    await makeEvent(organization);
    expect(await attempted(webhook)).toMatchObject([{ status: 'pending', last_fault: fault, last_status: status }]);
    expect(await receiver.received()).toHaveLength(1);
  });

  test('that sends an endless body is cut off, and has the event', async () => {
    const organization = await newOrganization();
    const endless = { status: 200, body: 'a'.repeat(16_384), times: null };
    const { receiver, webhook } = await receiving(organization, { events: ['role.created'] }, endless);
    await makeEvent(organization);
    await receiver.waitFor(1);
    expect(await attempted(webhook)).toMatchObject([{ status: 'delivered', last_status: 200 }]);
  });

  test('that drips its body is cut off, and has the event', async () => {
    const organization = await newOrganization();
    const slow = { status: 200, body: 'a', times: null, dripMs: 300 };
    const { webhook } = await receiving(organization, { events: ['role.created'] }, slow);
    await makeEvent(organization);
    expect(await attempted(webhook)).toMatchObject([{ status: 'delivered' }]);
  });

  test('that never answers costs its deadline, delays its own organization’s writes by nothing, and is tried again', async () => {
    const organization = await newOrganization();
    const { webhook } = await receiving(organization, { events: ['role.created'] }, { delayMs: 600_000 });
    const begun = performance.now();
    await makeEvent(organization);
    expect(performance.now() - begun).toBeLessThan(PROMPT_SENDING_MS);
    expect(await attempted(webhook)).toMatchObject([{ status: 'pending', last_fault: 'deadline', last_status: null }]);
    await done('DELETE', `webhooks/${webhook.id}`);
  });

  test('that answers 410 is disabled at once, and others are told', async () => {
    const organization = await newOrganization();
    const watching = await receiving(organization, { events: ['webhook.disabled'] });
    const { webhook } = await receiving(organization, { events: ['role.created'] }, { status: 410 });
    await makeEvent(organization);
    await watching.receiver.waitFor(1);
    const [told] = await watching.receiver.payloads(watching.webhook.signing_secret);
    expect(told?.data).toMatchObject({ target: webhook.id, changes: { disabled_reason: 'gone' } });
    expect(await show(webhook.id)).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
  });

  test('that fails for days is disabled with an event, and gets what is pending when it is enabled again', async () => {
    const organization = await newOrganization();
    const watching = await receiving(organization, { events: ['webhook.disabled'] });
    const { receiver, webhook } = await receiving(organization, { events: ['role.created'] }, { status: 503 });
    const first = await makeEvent(organization);
    await attempted(webhook);
    const start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: start });
    const end = start + WEBHOOK_RETRY_AGE * 1000 + 10 * MINUTE;
    let second: string | undefined;
    for (let now = start + MINUTE; now < end; now += 25 * MINUTE) {
      await runScheduled(now);
      if (now > end - 6 * 3_600_000) second ??= await makeEvent(organization);
    }
    await runScheduled(end);
    expect(await show(webhook.id)).toMatchObject({ status: 'disabled', disabled_reason: 'failing' });
    expect((await watching.receiver.payloads(watching.webhook.signing_secret))[0]?.data).toMatchObject({
      target: webhook.id,
      changes: { disabled_reason: 'failing' },
    });
    const count = (await receiver.received()).length;
    // The waits after failures, not a request each time that the handler runs.
    expect(count).toBeLessThan(30);
    await makeEvent(organization);
    await runScheduled(end + 60 * MINUTE);
    expect((await receiver.received()).length).toBe(count);
    const statuses = Object.fromEntries((await deliveries(webhook)).map(({ status }) => [status, true]));
    expect(statuses).toEqual({ failed: true, pending: true });

    await receiver.answers();
    await done('PATCH', `webhooks/${webhook.id}`, { body: { status: 'active' } });
    await receiver.waitFor(count + 1);
    const targets = (await receiver.payloads(webhook.signing_secret)).slice(count).map(({ data }) => data.target);
    expect(targets).toEqual([second]);
    const failed = (await deliveries(webhook)).find(({ status }) => status === 'failed');
    await done('POST', `webhooks/${webhook.id}/deliveries/${failed?.event_id}/redeliver`);
    await receiver.waitFor(count + 2);
    expect((await receiver.payloads(webhook.signing_secret)).at(-1)?.data.target).toBe(first);
  }, 240_000);
});

test('a sender that is killed before it records what it sent is followed by another, and the event arrives again', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['role.created'] });
  const now = Date.now();
  await withFault(
    'd1',
    (call, sql) => (sql.includes('update "webhook_deliveries"') ? new Promise(() => {}) : call()),
    async () => {
      await makeEvent(organization);
      await receiver.waitFor(1);
    },
  );
  await runScheduled(now + WEBHOOK_LEASE * 1000 - 10_000);
  expect(await receiver.received()).toHaveLength(1);
  await runScheduled(now + WEBHOOK_LEASE * 1000 + 10_000);
  expect(await receiver.received()).toHaveLength(2);
  const payloads = await receiver.payloads(webhook.signing_secret);
  expect(payloads[0]).toEqual(payloads[1]);
});

test('two senders at once do not send an event twice', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['role.created'] }, { breaks: 'at_once' });
  await makeEvent(organization);
  await attempted(webhook);
  await receiver.answers({ status: 204, delayMs: 500 });
  const now = Date.now() + MINUTE;
  await Promise.all([runScheduled(now), runScheduled(now), runScheduled(now)]);
  expect(await receiver.received()).toHaveLength(2);
});

test('the receivers of one organization that hang do not delay those of another', async () => {
  const [bad, good] = [await newOrganization(), await newOrganization()];
  const hanging = { delayMs: 600_000 };
  const down = await Promise.all(
    Array.from({ length: 8 }, () => receiving(bad, { events: ['role.created'] }, hanging)),
  );
  const { receiver, webhook } = await receiving(good, { events: ['role.created'] }, { breaks: 'at_once' });
  await makeEvent(good);
  await receiver.waitFor(1);
  await receiver.answers();
  await vi.waitFor(async () => expect(await show(webhook.id)).toMatchObject({ failing_since: expect.any(String) }));
  // As if it had not failed, so that it is served in turns with the others.
  await env.DB.prepare('UPDATE webhooks SET failures = 0 WHERE id = ?').bind(webhook.id).run();
  await makeEvent(bad);
  const begun = performance.now();
  const now = Date.now() + MINUTE;
  const run = runScheduled(now);
  await receiver.waitFor(2);
  expect(performance.now() - begun).toBeLessThan(14_000);
  for (const { webhook: one } of down) await done('DELETE', `webhooks/${one.id}`);
  await run;
}, 120_000);

test('an event that D1 refuses is owed to nobody, and a write that fails owes nothing', async () => {
  const organization = await newOrganization();
  const { webhook } = await receiving(organization, { events: ['role.created'] });
  const body = { organization_id: organization, name: name() };
  await create('roles', body);
  expect((await manage('roles', body)).status).toBe(409);
  expect(await deliveries(webhook)).toHaveLength(1);
});

test('a test event reaches the webhook whatever it is for, and a disabled webhook is not tested', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['role.created'] });
  const { event_id } = await done<Delivery>('POST', `webhooks/${webhook.id}/test`);
  await receiver.waitFor(1);
  expect(await receiver.payloads(webhook.signing_secret)).toMatchObject([
    { type: 'webhook.tested', data: { id: event_id } },
  ]);
  await vi.waitFor(async () =>
    expect(await done('GET', `webhooks/${webhook.id}/deliveries/${event_id}`)).toMatchObject({
      status: 'delivered',
      payload: { type: 'webhook.tested', data: { id: event_id, target: webhook.id } },
    }),
  );
  await done('PATCH', `webhooks/${webhook.id}`, { body: { status: 'disabled' } });
  expect((await api('POST', `webhooks/${webhook.id}/test`)).status).toBe(409);
});

test('an event with changes that are too large is sent without them, and says so', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['resource_server.created'] });
  const scopes = Array.from({ length: 200 }, (_, index) => ({ name: `s${index}`, description: 'd'.repeat(500) }));
  const server = {
    organization_id: organization,
    identifier: `https://${crypto.randomUUID()}.example.com`,
    name: 'large',
  };
  await create('resource-servers', { ...server, scopes });
  await receiver.waitFor(1);
  const [payload] = await receiver.payloads(webhook.signing_secret);
  expect(payload?.data).toMatchObject({ changes: null, changes_omitted: true });
});

test('a secret that will expire is reported once, and again if it is set to expire at another time', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['secret.expiring'] });
  const { client_id } = await create('clients', { organization_id: organization, client_name: name() });
  const rotate = (grace_seconds: number) =>
    create(`clients/${client_id}/secrets/rotate`, { grace_seconds, replace_secondary: true });
  await rotate(8 * 86_400);
  const now = Date.now();
  await runScheduled(now);
  expect(await receiver.received()).toEqual([]);
  await runScheduled(now + 86_400_000 + MINUTE);
  await runScheduled(now + 86_400_000 + 2 * MINUTE);
  const [payload, ...more] = await receiver.payloads(webhook.signing_secret);
  expect(more).toEqual([]);
  const expires_at = new Date(now + 8 * 86_400_000).toISOString().slice(0, 16);
  expect(payload).toMatchObject({
    type: 'secret.expiring',
    data: { target: client_id, rank: 'secondary', expires_at: expect.stringContaining(expires_at.slice(0, 13)) },
  });
  vi.useRealTimers();
  await rotate(3600);
  await runScheduled(Date.now());
  expect(await receiver.received()).toHaveLength(2);
});

test('a client that will expire is reported once, and again if it is set to expire at another time', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['client.expiring'] });
  const now = Date.now();
  const at = (days: number) => `${new Date(now + days * 86_400_000).toISOString().slice(0, 19)}.000Z`;
  const client_name = name();
  const fields = { owner: 'billing@example.com', expires_at: at(15) };
  const client = await createClient({ organization_id: organization, client_name, ...fields });
  const path = `clients/${client.client_id}`;
  // Neither is reported: it is disabled, or never ends.
  await createClient({ organization_id: organization, client_name: name(), status: 'disabled', expires_at: at(1) });
  await createClient({ organization_id: organization, client_name: name() });
  await runScheduled(now);
  expect(await receiver.received()).toEqual([]);

  const before = (await api('GET', path)).headers.get('ETag');
  await Promise.all([runScheduled(now + 86_400_000 + MINUTE), runScheduled(now + 86_400_000 + MINUTE)]);
  await runScheduled(now + 86_400_000 + 2 * MINUTE);
  const payloads = await receiver.payloads(webhook.signing_secret);
  expect(new Set(payloads.map(({ data }) => (data as { id: string }).id)).size).toBe(1);
  expect(payloads[0]).toMatchObject({
    type: 'client.expiring',
    data: { organization_id: organization, target: client.client_id, client_name, ...fields },
  });
  // Nobody changed the client.
  expect((await api('GET', path)).headers.get('ETag')).toBe(before);

  vi.useRealTimers();
  const seen = (await receiver.received()).length;
  await done('PATCH', path, { body: { description: 'changed', expires_at: at(15) } });
  await runScheduled(now + 86_400_000 + 3 * MINUTE);
  expect(await receiver.received()).toHaveLength(seen);
  vi.useRealTimers();
  await done('PATCH', path, { body: { expires_at: at(3) } });
  await runScheduled(Date.now());
  expect(await receiver.received()).toHaveLength(seen + 1);
});

test('a client whose end is moved while it is reported is reported again', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['client.expiring'] });
  const now = Date.now();
  const at = (days: number) => Math.floor(now / 1000) * 1000 + days * 86_400_000;
  const expires_at = new Date(at(3)).toISOString();
  const { client_id } = await createClient({ organization_id: organization, client_name: name(), expires_at });
  const move: Fault = async (call, asked) => {
    if (asked.includes('update "clients" set "expiry_noticed"'))
      await env.DB.prepare('UPDATE clients SET expires_at = ? WHERE client_id = ?').bind(at(4), client_id).run();
    return call();
  };
  await withFault('d1', move, () => runScheduled(now));
  await runScheduled(now);
  const ends = (await receiver.payloads(webhook.signing_secret)).map(({ data }) => data.expires_at);
  expect(ends.sort()).toEqual([3, 4].map((days) => new Date(at(days)).toISOString()));
});

test('each signing key that starts to sign is reported to the webhooks of the instance', async () => {
  const { receiver, webhook } = await receiving(null, { events: ['signing_key.rotated'] });
  const { data: before } = await done<{ data: { kid: string; alg: string; status: string }[] }>('GET', 'signing-keys');
  const kid = (status: string) => before.find((key) => key.alg === 'EdDSA' && key.status === status)?.kid;
  await done('POST', 'signing-keys/rotate', { body: { emergency: true, kid: kid('active') } });
  await receiver.waitFor(1);
  expect(await receiver.payloads(webhook.signing_secret)).toMatchObject([
    { type: 'signing_key.rotated', data: { alg: 'EdDSA', kid: kid('next'), previous_kid: kid('active') } },
  ]);
  await done('DELETE', `webhooks/${webhook.id}`);
});

test('an event that a gate kept while D1 was down is owed in the transaction that inserts it', async () => {
  const organization = await newOrganization();
  const { receiver, webhook } = await receiving(organization, { events: ['client.tokens_revoked'] });
  const resource_server = `https://${crypto.randomUUID()}.example.com`;
  await create('resource-servers', { organization_id: organization, identifier: resource_server, name: name() });
  const grants = [{ resource_server }];
  const client = await createClient({ organization_id: organization, client_name: name(), grants });
  await getToken(client);
  await failing('d1', () => done('POST', `clients/${client.client_id}/revoke-tokens`));
  expect(await deliveries(webhook)).toEqual([]);
  await runDurableObjectAlarm(gateOf(client));
  await runScheduled(Date.now());
  expect(await receiver.payloads(webhook.signing_secret)).toMatchObject([
    { type: 'client.tokens_revoked', data: { target: client.client_id, organization_id: organization } },
  ]);
});

test('deleting an organization deletes its webhooks, which block it without `cascade`', async () => {
  const organization = await newOrganization();
  const receiver = new Receiver();
  const { id } = await create('webhooks', { organization_id: organization, name: 'one', url: receiver.url });
  const refused = await api('DELETE', `organizations/${organization}`);
  expect([refused.status, await refused.json()]).toMatchObject([
    409,
    { orphans: [{ type: 'webhook', id, name: 'one' }] },
  ]);
  await done('DELETE', `organizations/${organization}?cascade=true`);
  expect((await api('GET', `webhooks/${id}`)).status).toBe(404);
});
