import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLoop } from './management.ts';

// Follows the instructions of docs/client-authentication.md.

const loop = startLoop();
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const USE = "import { getToken } from './client.mts';\nconsole.log(JSON.stringify(await getToken()));\n";
const page = await readFile(new URL('../../docs/client-authentication.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block);
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgemint-page-'));
  await symlink(MODULES, join(folder, 'node_modules'));
});

afterAll(() => rm(folder, { recursive: true }));

/** Runs a module in the folder, and returns what it prints, parsed as JSON. */
async function run(name: string, source: string, env: Record<string, string> = {}): Promise<unknown> {
  await writeFile(join(folder, name), source);
  const options = { cwd: folder, env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, [name], options);
  return JSON.parse(stdout);
}

test('its code makes a key, and gets a token by it that is bound to another', async () => {
  const [makeKey = '', client = ''] = blocks('ts');
  const registration = JSON.parse(blocks('json')[0] ?? '');
  const jwks = await run('make-key.mts', makeKey);
  const { client_id } = await loop.registerMachine({
    ...registration,
    client_name: 'of the code',
    jwks,
    dpop_nonce_required: true,
  });
  await writeFile(join(folder, 'client.mts'), client);
  const answer = await run('use.mts', USE, { ISSUER: loop.edgemint.issuer, CLIENT_ID: client_id });
  const { access_token, token_type } = answer as { access_token: string; token_type: string };
  expect(token_type).toBe('dpop');
  expect(decodeJwt(access_token)).toMatchObject({ client_id, cnf: { jkt: expect.any(String) } });
});

test('what it registers is taken, and gets no secret', async () => {
  expect(blocks('json').length).toBe(2);
  for (const block of blocks('json')) {
    const registration = JSON.parse(block);
    const registered = await loop.registerMachine(registration);
    expect(registered).toMatchObject(registration);
    expect(registered.client_secret).toBeUndefined();
  }
});

test('a client goes over from a secret to a key as it says', async () => {
  const { client_id, client_secret } = await loop.registerMachine();
  const bySecret = async () => {
    const headers = { Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` };
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    return (await fetch(`${loop.edgemint.issuer}/oauth2/token`, { method: 'POST', headers, body })).status;
  };
  const patch = async (fields: unknown) => {
    const response = await fetch(`${loop.edgemint.issuer}/v1/clients/${client_id}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${loop.edgemint.rootApiKey}` },
      body: JSON.stringify(fields),
    });
    expect(response.status).toBe(200);
  };
  const [makeKey = '', client = ''] = blocks('ts');
  const [first = '', second = ''] = [...page.matchAll(/^\d\. .*?`(\{.*?\})`/gm)].map(([, fields = '']) => fields);
  await patch({ ...JSON.parse(first.replace('[...]', '[]')), jwks: await run('make-key.mts', makeKey) });
  await writeFile(join(folder, 'client.mts'), client);
  const byKey = () => run('use.mts', USE, { ISSUER: loop.edgemint.issuer, CLIENT_ID: client_id });
  expect(await bySecret()).toBe(200);
  expect(await byKey()).toMatchObject({ token_type: 'dpop' });
  await patch(JSON.parse(second));
  expect(await bySecret()).toBe(401);
  expect(await byKey()).toMatchObject({ token_type: 'dpop' });
});
