import { describe, expect, test } from 'vitest';
import { api, create, done, getToken, requestToken, world } from '../http.ts';
import { KINDS } from './kinds.ts';
import { bothRecords, failingPushes, owedTo, runScheduled } from './owed.ts';

/** The statuses of a successful repeat. A repeated DELETE finds nothing to delete. */
const SUCCESSES = [200, 201, 204, 404];

function expectUnavailable({ status, headers }: Response): void {
  expect(status).toBe(503);
  expect(headers.get('Retry-After')).toBe('2');
}

describe.each(KINDS)('of $name, whose push fails', ({ prepare }) => {
  test('nothing is acknowledged until a repeat has delivered it', async () => {
    const { worker, make, isSeen } = await prepare();
    expect(await isSeen()).toBe(false);
    await failingPushes(worker, async () => {
      expectUnavailable(await make());
      expectUnavailable(await make());
      // The gate continues with its old record until the push is delivered.
      expect(await isSeen()).toBe(false);
    });
    expect(await owedTo(worker)).toBeGreaterThan(0);
    const { d1, gate } = await bothRecords(worker);
    expect(d1).not.toEqual(gate);

    const answer = await make();
    expect(SUCCESSES).toContain(answer.status);
    expect(await isSeen()).toBe(true);
    expect(await owedTo(worker)).toBe(0);
  });

  test('the scheduled handler delivers it', async () => {
    const { worker, make, isSeen } = await prepare();
    await failingPushes(worker, async () => {
      expectUnavailable(await make());
      await runScheduled();
    });
    expect(await isSeen()).toBe(false);
    expect(await owedTo(worker)).toBe(1);
    await runScheduled();
    expect(await isSeen()).toBe(true);
    expect(await owedTo(worker)).toBe(0);
    expect(SUCCESSES).toContain((await make()).status);
    expect(await isSeen()).toBe(true);
  });
});

test('the secret of a rotation whose pushes failed works as soon as a repeat returns it', async () => {
  const rotated = KINDS.find(({ name }) => name === 'a secret rotated');
  const { worker, make } = (await rotated?.prepare()) ?? expect.unreachable();
  await failingPushes(worker, async () => expectUnavailable(await make()));
  const first = await (await make()).json<{ id: string; client_secret: string }>();
  expect((await requestToken({ ...worker, client_secret: first.client_secret })).status).toBe(200);
  expect(await (await make()).json()).toEqual(first);
});

describe('one gate that takes no pushes', () => {
  test('fails no write that does not affect its client', async () => {
    const { worker, organization } = await world('nothing-to-do-with-it');
    const server = { name: 'unused', identifier: 'https://unused.example.com' };
    const unused = [
      `roles/${(await create('roles', { organization_id: organization, name: 'unused' })).id}`,
      `roles/${(await create('roles', { name: 'unused and shared' })).id}`,
      `resource-servers/${(await create('resource-servers', server)).id}`,
    ];
    await getToken(worker);
    await failingPushes(worker, async () => {
      expectUnavailable(await api('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } }));
      for (const path of unused) {
        expect((await api('PATCH', path, { body: { name: 'other' } })).status, path).toBe(200);
        expect((await api('DELETE', path)).status, path).toBe(204);
      }
    });
    expect(await owedTo(worker)).toBe(1);
  });

  test.each([
    ['a role', { roles: [] }, { name: 'renamed' }],
    ['a resource server', { grants: [] }, { access_token_ttl: 120 }],
  ] as const)('fails every repeat of a change of %s that its client was linked to', async (what, unlinked, body) => {
    const { worker, organization, identifier, server } = await world(`unlinked-from-${what.replaceAll(' ', '-')}`);
    const client = `clients/${worker.client_id}`;
    const grants = [{ resource_server: identifier, scopes: ['admin'] }];
    const role = await create('roles', { organization_id: organization, name: 'linked', grants });
    if (what === 'a role') await done('PATCH', client, { body: { roles: ['linked'] } });
    const path = what === 'a role' ? `roles/${role.id}` : `resource-servers/${server.id}`;
    await getToken(worker);
    await failingPushes(worker, async () => {
      expectUnavailable(await api('PATCH', path, { body }));
      expectUnavailable(await api('PATCH', client, { body: unlinked }));
      expectUnavailable(await api('PATCH', path, { body }));
    });
    expect((await api('PATCH', path, { body })).status).toBe(200);
    expect(await owedTo(worker)).toBe(0);
    const { d1, gate } = await bothRecords(worker);
    expect(gate).toEqual(d1);
  });
});
