import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrator } from './fixture.ts';
import type { Person } from './person.ts';

const URL = 'https://hooks.example.com/in';

interface Webhook {
  readonly id: string;
  readonly events: readonly string[] | null;
  readonly status: string;
  readonly signing_secret: string;
}

describe('webhooks:', () => {
  let person: Person;

  beforeAll(async () => {
    person = await administrator('Acme webhooks');
  });

  afterAll(() => person?.leave());

  const create = (name: string, ...args: string[]) =>
    person.json<Webhook>(['webhooks', 'create', '--name', name, '--endpoint', URL, ...args]);

  test('one is created with its secret, listed, changed and deleted', async () => {
    const made = await person.run([
      'webhooks',
      'create',
      '--name',
      'First',
      '--endpoint',
      URL,
      '--event',
      'role.created',
    ]);
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('Store the signing_secret now.') });
    expect(made.stdout).toMatch(/whsec_[A-Za-z0-9+/]{43}=/);
    const [, id = ''] = /(wh_\w+)/.exec(made.stdout) ?? [];
    expect((await person.run(['webhooks', 'list'])).stdout).toMatch(
      new RegExp(`^${id} +First +${URL} +role.created +active +-$`, 'm'),
    );
    const changed = await person.json<Webhook>(['webhooks', 'update', id, '--status', 'disabled', '--reset', 'events']);
    expect(changed).toMatchObject({ status: 'disabled', events: null });
    const wrong = await person.run(['webhooks', 'update', id, '--endpoint', 'https://10.0.0.1/']);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('--endpoint: must have a host name')]);
    expect((await person.run(['webhooks', 'delete', id, '--yes'])).stdout).toContain('Deleted the webhook');
    expect((await person.run(['webhooks', 'get', id])).code).toBe(1);
  });

  test('a test event arrives, is in the log, and is sent again', async () => {
    const { id } = await create('Tested', '--event', 'client.created');
    const sent = await person.json<{ event_id: string; attempts: number }>(['webhooks', 'test', id]);
    expect(sent).toMatchObject({ event: 'webhook.tested', status: 'delivered', attempts: 1, last_status: 204 });
    expect((await person.run(['webhooks', 'deliveries', id, '--status', 'delivered'])).stdout).toMatch(
      new RegExp(`^${sent.event_id} +webhook.tested +delivered +1 +204 `, 'm'),
    );
    expect(await person.json(['webhooks', 'redeliver', id, sent.event_id])).toMatchObject({
      status: 'delivered',
      attempts: 2,
    });
    expect((await person.run(['webhooks', 'deliveries', id, '--status', 'failed'])).stderr).toContain('Nothing found.');
  });

  test('a test event that does not arrive is said to be pending', async () => {
    const { id } = await create('Down', '--event', 'client.created');
    await person.json(['webhooks', 'update', id, '--endpoint', 'https://down.example.com/']);
    const sent = await person.run(['webhooks', 'test', id]);
    expect(sent).toMatchObject({ code: 0, stderr: expect.stringContaining('It did not arrive yet.') });
    expect(sent.stdout).toMatch(/last_fault +network/);
  });

  test('a secret is rotated, and the old one must end before the next rotation', async () => {
    const { id, signing_secret } = await create('Rotated');
    const rotated = await person.json<Webhook>(['webhooks', 'rotate-secret', id, '--grace', '1h']);
    expect(rotated.signing_secret).not.toBe(signing_secret);
    const again = await person.run(['webhooks', 'rotate-secret', id]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('still signs')]);
    const replaced = await person.run(['webhooks', 'rotate-secret', id, '--replace-previous', '--grace', '0s']);
    expect(replaced.code).toBe(0);
  });
});
