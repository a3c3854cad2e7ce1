import { generateKeyPairSync } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrator, edgemint } from './fixture.ts';
import type { Person } from './person.ts';

const API = 'https://tools.example.com/api';

describe('tools:', () => {
  let person: Person;
  let client: { client_id: string; client_secret: string };

  beforeAll(async () => {
    person = await administrator('Acme of tools');
    await person.json(['resource-servers', 'create', '--identifier', API, '--name', 'Api', '--scope', 'a']);
    client = await person.json(['clients', 'create', '--name', 'Signer', '--grant', `${API} a`]);
  });

  afterAll(() => person?.leave());

  test('a key is made here, registered, and gets a token; its file is for its owner alone and never replaced', async () => {
    const out = person.file('signer.pem');
    const made = await person.run(['clients', 'generate-key', 'Signer', '--out', out, '--only']);
    expect(made.code).toBe(0);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(await readFile(out, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    const issued = await person.run(['tokens', 'issue', '--client-id', client.client_id, '--key-file', out]);
    expect(issued).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ey[\w.-]+\n$/) });
    const again = await person.run(['clients', 'generate-key', 'Signer', '--out', out]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('already exists')]);
    const shown = await person.json(['clients', 'get', 'Signer']);
    expect(shown).toMatchObject({ token_endpoint_auth_method: 'private_key_jwt', additional_auth_methods: [] });
    expect(JSON.stringify(shown)).not.toContain('"d"');

    const token = issued.stdout.trim();
    const active = await person.run(['tokens', 'introspect', '--exit-code'], { env: { EDGEMINT_TOKEN: token } });
    expect(active.code).toBe(0);
    const inactive = await person.run(['tokens', 'introspect', '--exit-code'], { env: { EDGEMINT_TOKEN: 'x.y.z' } });
    expect(inactive.code).toBe(3);
  });

  test('a public key in PEM is registered, and a private one is refused', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const [open, secret] = [person.file('public.pem'), person.file('private.pem')];
    await writeFile(open, publicKey.export({ type: 'spki', format: 'pem' }));
    await writeFile(secret, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const create = ['clients', 'create', '--name', 'Pem', '--auth-method', 'private_key_jwt', '--grant', `${API} a`];
    const refused = await person.run([...create, '--jwks-file', secret]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('It holds a private key.')]);
    const { client_id } = await person.json<{ client_id: string }>([...create, '--jwks-file', open]);
    expect((await person.run(['tokens', 'issue', '--client-id', client_id, '--key-file', secret])).code).toBe(0);
  });

  test('status shows server, health, key and signing keys', async () => {
    await edgemint.runScheduled();
    const { stdout } = await person.run(['status']);
    expect(stdout).toContain(`server        ${edgemint.issuer}`);
    expect(stdout).toMatch(/^status +ok$/m);
    expect(stdout).toMatch(/^stores +.*d1 ok/m);
    expect(stdout).toMatch(/^cron +last run \d+[smh] ago$/m);
    expect(stdout).toMatch(/^api_key +the root key$/m);
    expect(stdout).toMatch(/^signing_keys +.*ES256 in use for \d/m);
    const anonymous = await person.run(['status'], { env: { EDGEMINT_API_KEY: '' } });
    expect([anonymous.code, anonymous.stderr]).toEqual([0, expect.stringContaining('edgemint login saves one')]);
  });

  test('api sends any request, with fields, pages and an input', async () => {
    const organization_id = person.env.EDGEMINT_ORGANIZATION ?? '';
    const list = await person.run([
      'api',
      'GET',
      '/v1/clients',
      '-f',
      `organization_id=${organization_id}`,
      '--paginate',
      '-f',
      'limit=1',
    ]);
    expect(JSON.parse(list.stdout).data.length).toBeGreaterThan(1);
    const path = `clients/${client.client_id}`;
    const patched = await person.run(['api', 'PATCH', path, '-F', 'access_token_ttl=600', '-f', 'owner=600', '-i']);
    expect(patched.stdout).toMatch(/^HTTP 200\nETag: "\d+"\n\n\{/);
    expect(await person.json(['clients', 'get', 'Signer'])).toMatchObject({ access_token_ttl: 600, owner: '600' });
    const input = { input: JSON.stringify({ owner: 'input' }) };
    expect(JSON.parse((await person.run(['api', 'PATCH', path, '--input', '-'], input)).stdout)).toMatchObject({
      owner: 'input',
    });
    const refused = await person.run(['api', 'POST', 'organizations', '-F', 'name=1']);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ errors: [{ pointer: '/name' }] });
  });

  test('use chooses the profile of later commands', async () => {
    const login = (name: string, ...more: string[]) =>
      person.run(['login', '--profile', name, ...more], { input: `${edgemint.rootApiKey}\n` });
    await login('one');
    await login('two', '--organization', 'Acme of tools');
    const env = { EDGEMINT_URL: '', EDGEMINT_API_KEY: '', EDGEMINT_ORGANIZATION: '' };
    expect((await person.run(['use', 'two'], { env })).stdout).toContain('Using the profile two: ');
    expect((await person.run(['clients', 'list'], { env })).code).toBe(0);
    expect((await person.run(['profiles'], { env })).stdout).toMatch(/^two \* /m);
    expect((await person.run(['use', 'three'], { env })).stderr).toBe(
      'There is no profile three. There are one, two.\n',
    );
    await person.run(['logout', '--profile', 'two'], { env });
    expect((await person.run(['use', 'three'], { env })).stderr).toBe(
      'There is no profile three. There is only `one`.\n',
    );
    expect((await person.run(['me'], { env })).code).toBe(2);
  });

  test('logs tail makes lines of wrangler readable, and filters them', async () => {
    const entry = (status: number, client_id: string) =>
      JSON.stringify({
        event: 'request',
        request_id: 'r1',
        method: 'POST',
        route: '/oauth2/token',
        status,
        reason: 'wrong_secret',
        client_id,
        ms: 3,
      });
    const event = (text: string) =>
      JSON.stringify({ outcome: 'ok', logs: [{ message: [text], level: 'log' }], exceptions: [] }, null, 2);
    const npx = person.file('npx');
    await writeFile(
      npx,
      `#!/bin/sh\necho "$@" > "${person.file('args')}"\ncat <<'END'\nSuccessfully connected\n${event(entry(401, 'a'))}\n${event(entry(200, 'b'))}\nEND\n`,
    );
    await chmod(npx, 0o755);
    const env = { PATH: `${person.home}:${process.env.PATH}` };
    const shown = await person.run(['logs', 'tail', '--env', 'staging', '--status', '4xx'], { env });
    expect(shown.stdout).toBe('401  POST /oauth2/token  wrong_secret  a  3 ms  r1\n');
    expect(await readFile(person.file('args'), 'utf8')).toBe('wrangler tail edgemint-staging --format json\n');
    await writeFile(
      npx,
      `#!/bin/sh\necho "it's necessary to set a CLOUDFLARE_API_TOKEN. Rerun this with --temporary." >&2\nexit 1\n`,
    );
    expect(await person.run(['logs', 'tail'], { env })).toMatchObject({
      code: 1,
      stderr: 'Run `npx wrangler login` first, or set CLOUDFLARE_API_TOKEN: wrangler is not logged in to Cloudflare.\n',
    });
    const piped = await person.run(['logs', 'tail', '--stdin', '--client', 'b', '--json'], {
      input: `${entry(200, 'b')}\n${entry(401, 'a')}`,
    });
    expect(JSON.parse(piped.stdout)).toMatchObject({ client_id: 'b' });
  });

  test('completion knows commands, options and choices', async () => {
    const complete = async (...words: string[]) => (await person.run(['complete', '--', ...words])).stdout.split('\n');
    expect(await complete('cl')).toEqual(['clients', '']);
    expect(await complete('clients', 'tr')).toEqual(['trust-github', 'trust-kubernetes', '']);
    expect(await complete('clients', 'create', '--rate')).toEqual(['--rate-limit', '']);
    expect(await complete('clients', 'create', '--status', 'd')).toEqual(['disabled', '']);
    for (const shell of ['bash', 'zsh', 'fish']) {
      expect((await person.run(['completion', shell])).stdout).toContain('edgemint complete --');
    }
  });
});
