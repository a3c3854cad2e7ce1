import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { api, type Credentials, done, getToken, requestToken, world } from '../http.ts';
import { calls, resetCalls } from '../instruments.ts';
import { KINDS } from './kinds.ts';
import { bothRecords, failingAt, failingPushes, losingReplies, owedTo, READING_RECORDS, runScheduled } from './owed.ts';

const SUCCESSES = [200, 201, 204, 404];

function kind(wanted: string) {
  return KINDS.find(({ name }) => name === wanted) ?? expect.unreachable();
}

describe.each(KINDS)('of $name, interrupted after its commit', ({ prepare }) => {
  test('nothing is acknowledged until a repeat has pushed it to the gate', async () => {
    const { worker, make, isSeen } = await prepare();
    await losingReplies('error', async () => {
      resetCalls();
      const { status, headers } = await make();
      expect(status).toBe(503);
      expect(headers.get('Retry-After')).toBe('2');
      expect(calls.gate, 'It stopped before it pushed to the gate.').toBeLessThanOrEqual(1);
    });
    expect(await owedTo(worker)).toBe(1);
    const { d1, gate } = await bothRecords(worker);
    expect(d1).not.toEqual(gate);
    expect(await isSeen()).toBe(false);

    await failingPushes(worker, async () => expect((await make()).status).toBe(503));
    expect(SUCCESSES).toContain((await make()).status);
    expect(await isSeen()).toBe(true);
    expect(await owedTo(worker)).toBe(0);
  });

  test('the scheduled handler pushes it to the gate', async () => {
    const { worker, make, isSeen } = await prepare();
    await losingReplies('error', async () => expect((await make()).status).toBe(503));
    await runScheduled();
    expect(await isSeen()).toBe(true);
    expect(await owedTo(worker)).toBe(0);
  });
});

test('a write whose commit D1 never confirms is answered 503, and is committed', async () => {
  const changes = await Promise.all(KINDS.map(({ prepare }) => prepare()));
  const statuses = await losingReplies('silence', () => Promise.all(changes.map(({ make }) => make())));
  expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([503]));
  await runScheduled();
  for (const { isSeen } of changes) expect(await isSeen()).toBe(true);
});

describe('a create whose reply is lost after its commit', () => {
  const count = async (table: string) => env.DB.prepare(`SELECT COUNT(*) AS count FROM ${table}`).first('count');
  const post = (path: string, body: unknown) => {
    const headers = { 'Idempotency-Key': crypto.randomUUID() };
    return () => api('POST', path, { body, headers });
  };

  test('repeated with its key, creates one client, and returns its secret', async () => {
    const { organization, identifier } = await world('lost-create');
    const make = post('clients', {
      organization_id: organization,
      client_name: 'made once',
      grants: [{ resource_server: identifier, scopes: ['read'] }],
    });
    const before = Number(await count('clients'));
    await losingReplies('error', async () => expect((await make()).status).toBe(503));
    const repeats = await Promise.all([make(), make(), make()]);
    expect(repeats.map(({ status }) => status)).toEqual([201, 201, 201]);
    const [first, ...others] = await Promise.all(repeats.map((answer) => answer.json<Credentials>()));
    expect(others).toEqual([first, first]);
    expect(await count('clients')).toBe(before + 1);
    expect((await requestToken(first ?? expect.unreachable())).status).toBe(200);
  });

  test.each(['organizations', 'api-keys', 'resource-servers', 'roles'])(
    'repeated with its key, creates one of %s',
    async (path) => {
      const { organization } = await world(`lost-${path}`);
      const owner = path === 'organizations' ? {} : { organization_id: organization };
      const scopes = path === 'api-keys' ? { scopes: ['clients:read'] } : {};
      const identifier = path === 'resource-servers' ? { identifier: 'https://once.example.com' } : {};
      const make = post(path, { name: `once ${path}`, ...owner, ...scopes, ...identifier });
      const table = path.replace('-', '_');
      const before = Number(await count(table));
      await losingReplies('error', async () => expect((await make()).status).toBe(503));
      expect((await make()).status).toBe(201);
      expect(await count(table)).toBe(before + 1);
    },
  );
});

describe('if D1 fails after the commit', () => {
  test('when a repeat reads the owed pushes, the answer is 503, and the push is delivered later', async () => {
    const { worker, make, isSeen } = await kind('a client’s tokens revoked').prepare();
    await losingReplies('error', async () => expect((await make()).status).toBe(503));
    await failingAt('d1', 'order by "gate_pushes"."gate"', async () => expect((await make()).status).toBe(503));
    expect(await isSeen()).toBe(false);
    expect(await owedTo(worker)).toBe(1);
    await runScheduled();
    expect(await isSeen()).toBe(true);
    expect(await owedTo(worker)).toBe(0);
  });

  test('when the records are read, the answer is 503, and the push is delivered later', async () => {
    const { worker, make, isSeen } = await kind('a client disabled').prepare();
    await failingAt('d1', READING_RECORDS, async () => {
      expect((await make()).status).toBe(503);
      expect((await make()).status).toBe(503);
    });
    expect(await isSeen()).toBe(false);
    await runScheduled();
    expect(await isSeen()).toBe(true);
    expect(await owedTo(worker)).toBe(0);
  });

  test('when the delivered push is deleted, the change is acknowledged, and pushed once more', async () => {
    const { worker, make, isSeen } = await kind('a client disabled').prepare();
    await failingAt('d1', 'delete from "gate_pushes"', async () => {
      expect((await make()).status).toBe(200);
      expect(await isSeen()).toBe(true);
      expect(await owedTo(worker)).toBe(1);
      await runScheduled();
      expect(await owedTo(worker)).toBe(1);
    });
    const before = await bothRecords(worker);
    await runScheduled();
    expect(await owedTo(worker)).toBe(0);
    expect(await bothRecords(worker)).toEqual(before);
    expect(await isSeen()).toBe(true);
  });
});

test('a late push delivers the current record', async () => {
  const { worker } = await world('told-late');
  const client = `clients/${worker.client_id}`;
  await getToken(worker);
  await losingReplies('error', () => api('PATCH', client, { body: { access_token_ttl: 100 } }));
  await done('PATCH', client, { body: { access_token_ttl: 200 } });
  expect((await getToken(worker)).expires_in).toBe(200);
  expect(await owedTo(worker)).toBe(0);
  await losingReplies('error', () => api('PATCH', client, { body: { status: 'disabled' } }));
  await done('DELETE', client);
  await runScheduled();
  expect((await requestToken(worker)).status).toBe(401);
});
