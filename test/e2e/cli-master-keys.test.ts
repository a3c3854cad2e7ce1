import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEdgemint } from '../harness/edgemint.ts';
import { freePort } from '../harness/worker.ts';
import { Person } from './cli/person.ts';

const OLD = 'b2xkLW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy1vbGQ';
const NEW = 'bmV3LW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy1uZXc';
const ORDERS = 'https://api.example.com/orders';

interface MasterKey {
  id: string;
  status: string;
  signing_keys: number;
  may_go_at: string | null;
}

let directory: string;
let issuer: string;
let person: Person;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgemint-'));
  issuer = `http://127.0.0.1:${await freePort()}`;
  person = await Person.arrive({ EDGEMINT_URL: issuer });
});

afterAll(async () => {
  await person?.leave();
  await rm(directory, { recursive: true, force: true });
});

/** Runs a function while the service runs with a `MASTER_KEY`, on the same stores each time. */
async function under<T>(masterKey: string, act: () => Promise<T>): Promise<T> {
  const edgemint = await startEdgemint({ issuer, directory, masterKey });
  person.env.EDGEMINT_API_KEY = edgemint.rootApiKey;
  try {
    return await act();
  } finally {
    await edgemint.stop();
  }
}

async function masterKeys(): Promise<MasterKey[]> {
  return (await person.json<{ data: MasterKey[] }>(['master-keys', 'list'])).data;
}

async function organization(name: string): Promise<string> {
  return (await person.json<{ id: string }>(['organizations', 'create', '--name', name])).id;
}

async function newClient(): Promise<Record<string, string>> {
  const args = ['--name', 'Kept', '--grant', `${ORDERS} orders:read`];
  const made = await person.json<{ client_id: string; client_secret: string }>(['clients', 'create', ...args]);
  return { EDGEMINT_CLIENT_ID: made.client_id, EDGEMINT_CLIENT_SECRET: made.client_secret };
}

const issues = async (env: Record<string, string>) => (await person.run(['tokens', 'issue'], { env })).code === 0;

test('another MASTER_KEY takes the place of the old one, step by step, and nobody notices', async () => {
  const client = await under(OLD, async () => {
    person.env.EDGEMINT_ORGANIZATION = await organization('Acme');
    const server = ['--identifier', ORDERS, '--name', 'Orders', '--scope', 'orders:read'];
    await person.json(['resource-servers', 'create', ...server]);
    const alone = await person.run(['master-keys', 'reseal']);
    expect(alone).toMatchObject({ code: 0, stderr: expect.stringContaining('only the current key') });
    expect(alone.stdout).toMatch(/^\S{8} +current +6 +0 +-$/m);
    return newClient();
  });
  const [before] = await under(`${OLD},${NEW}`, async () => {
    expect(await issues(client)).toBe(true);
    return masterKeys();
  });

  await under(`${NEW},${OLD}`, async () => {
    expect(await masterKeys()).toEqual([
      expect.objectContaining({ status: 'current', signing_keys: 0 }),
      { ...before, status: 'previous', may_go_at: null },
    ]);
    const { code, stdout, stderr } = await person.run(['master-keys', 'reseal']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/current +6 +0 +-$/m);
    const [, old] = await masterKeys();
    expect(old).toMatchObject({ id: before?.id, status: 'previous', signing_keys: 0 });
    const mayGoAt = (old?.may_go_at ?? '').replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
    expect(stderr).toBe(`${before?.id} may be removed from MASTER_KEY from ${mayGoAt} on.\n`);
    expect(await issues(client)).toBe(true);
  });

  await under(NEW, async () => {
    expect((await masterKeys()).map(({ id, status }) => [id === before?.id, status])).toEqual([
      [false, 'current'],
      [true, 'retired'],
    ]);
    expect(await issues(client)).toBe(true);
    expect(await person.json(['secrets', 'rotate', client.EDGEMINT_CLIENT_ID ?? ''])).toBeTruthy();
  });
});
