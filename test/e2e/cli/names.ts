import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrator, edgemint } from './fixture.ts';
import type { Person } from './person.ts';

const API = 'https://names.example.com/api';

describe('names:', () => {
  let person: Person;
  let clientId: string;

  beforeAll(async () => {
    person = await administrator('Acme of names');
    await person.json(['resource-servers', 'create', '--identifier', API, '--name', 'Named', '--scope', 'a']);
    const create = ['clients', 'create', '--name', 'Invoice worker', '--grant', `${API} a`];
    clientId = (await person.json<{ client_id: string }>(create)).client_id;
  });

  afterAll(() => person?.leave());

  test('a client is found by its name in any letter case, and by its id from another provider', async () => {
    expect(await person.json(['clients', 'get', 'invoice WORKER'])).toMatchObject({ client_id: clientId });
    expect(await person.json(['secrets', 'list', 'Invoice worker'])).toMatchObject({ data: [{ rank: 'primary' }] });
    const [all, ending, safe] = [[], ['--expires-before', '30d'], ['--safe-to-delete']].map((options) =>
      person.json(['secrets', 'list', ...options]),
    );
    expect(await all).toMatchObject({
      data: [{ client_id: clientId, client_name: 'Invoice worker', rank: 'primary' }],
    });
    expect([await ending, await safe]).toMatchObject([{ data: [] }, { data: [] }]);
    expect((await person.run(['secrets', 'list'])).stdout).toMatch(/^client +id .*\nInvoice worker +sec_/);
    const both = await person.run(['secrets', 'list', 'Invoice worker', '--safe-to-delete']);
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('Name no client')]);
    await person.json(['clients', 'create', '--name', 'Old', '--client-id', 'Invoice', '--grant', API]);
    await person.json(['clients', 'create', '--name', 'Invoice', '--grant', API]);
    expect(await person.json(['clients', 'get', 'Invoice'])).toMatchObject({ client_name: 'Old' });
  });

  test('an organization, a resource server, a role, an API key and a webhook are found by their names', async () => {
    const elsewhere = { env: { EDGEMINT_ORGANIZATION: '' } };
    const { code } = await person.run(['clients', 'get', 'Old', '--organization', 'acme of names'], elsewhere);
    expect(code).toBe(0);
    expect((await person.run(['organizations', 'get', 'Acme of names'])).code).toBe(0);
    expect(await person.json(['resource-servers', 'get', API])).toMatchObject({ name: 'Named' });
    expect(await person.json(['resource-servers', 'get', 'named'])).toMatchObject({ identifier: API });
    await person.json(['roles', 'create', '--name', 'role_admin']);
    expect(await person.json(['roles', 'get', 'role_admin'])).toMatchObject({ name: 'role_admin' });
    await person.json(['api-keys', 'create', '--name', 'ci of names', '--scope', 'clients:read']);
    expect(await person.json(['api-keys', 'get', 'ci of names'])).toMatchObject({ scopes: ['clients:read'] });
    await person.json(['webhooks', 'create', '--name', 'hook', '--endpoint', 'https://hooks.example.com/in']);
    expect(await person.json(['webhooks', 'get', 'HOOK'])).toMatchObject({ name: 'hook' });
  });

  test('a name that several resources have, or none, is answered with candidates', async () => {
    const create = ['resource-servers', 'create', '--name', 'Twin', '--identifier'];
    await person.json([...create, `${API}/1`]);
    await person.json([...create, `${API}/2`]);
    const twins = await person.run(['resource-servers', 'get', 'twin']);
    expect(twins.code).toBe(1);
    expect(twins.stderr).toMatch(
      /^2 resource servers are called `twin`\. Use an id:\n {2}.*\/1, Twin \(rs_\w+\)\n {2}.*\/2, Twin/,
    );
    const none = await person.run(['clients', 'get', 'Invoice w']);
    expect(none.stderr).toContain(`Did you mean:\n  Invoice worker (${clientId})`);
    const nowhere = await person.run(['clients', 'get', 'Old'], { env: { EDGEMINT_ORGANIZATION: '' } });
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('add --organization <name or id>')]);
  });

  test('a token is issued to a client by its name with an API key, and without one that is said', async () => {
    const create = ['clients', 'create', '--name', 'Mail worker', '--grant', `${API} a`];
    const { client_secret } = await person.json<{ client_secret: string }>(create);
    const issue = (name: string, env = {}) =>
      person.run(['tokens', 'issue', '--client-id', name], { env: { EDGEMINT_CLIENT_SECRET: client_secret, ...env } });
    expect(await issue('mail WORKER')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^eyJ/) });
    expect(await issue('Mail w')).toMatchObject({ code: 1, stderr: expect.stringContaining('Did you mean:\n  Mail') });
    const keyless = { EDGEMINT_API_KEY: '' };
    expect(await issue('Mail worker', keyless)).toEqual({
      code: 2,
      stdout: '',
      stderr:
        '`Mail worker` is not the id of a client. A name is found with an API key only: log in (edgemint login), or set EDGEMINT_API_KEY.\n',
    });
    // It may be the id of a client from another provider.
    const guessed = await issue('Mailer', keyless);
    expect([guessed.code, guessed.stderr]).toEqual([1, expect.stringMatching(/invalid_client.*\nIf `Mailer` is not/)]);
    const wrongKey = await issue('Mailer', { EDGEMINT_API_KEY: 'unknown' });
    expect(wrongKey.stderr).toMatch(/invalid_client.*\nThe name `Mailer` could not be looked up: .*\(401\)/);
    const old = await person.json<{ client_secret: string }>([
      ...['clients', 'create', '--name', 'Moved', '--client-id', 'moved-here', '--grant', `${API} a`],
    ]);
    const env = { ...keyless, EDGEMINT_CLIENT_SECRET: old.client_secret };
    expect(await issue('moved-here', env)).toMatchObject({ code: 0 });
    expect(await issue('moved-here', { ...env, EDGEMINT_API_KEY: 'unknown' })).toMatchObject({ code: 0 });
  });

  test('audit events are filtered by the names of their actor and target, of any kind', async () => {
    const list = async (...args: string[]) => {
      const { data } = await person.json<{ data: { action: string; target: string }[] }>(['audit', 'list', ...args]);
      return data.map(({ action }) => action);
    };
    await person.json(['roles', 'create', '--name', 'Watched']);
    expect(await list('--target', 'watched')).toEqual(['role.created']);
    expect(await list('--target', 'Invoice worker')).toEqual(['client.created']);
    expect(await list('--target', API)).toEqual(['resource_server.created']);
    const key = await person.json<{ api_key: string }>([
      ...['api-keys', 'create', '--name', 'watcher', '--scope', 'roles:write'],
    ]);
    await person.run(['roles', 'create', '--name', 'By key'], { env: { EDGEMINT_API_KEY: key.api_key } });
    expect(await list('--actor', 'watcher')).toEqual(['role.created']);
    expect(await list('--actor', 'root', '--target', 'By key')).toEqual([]);
    const exported = await person.run(['audit', 'export', '--target', 'By key']);
    expect(exported.stdout.trim().split('\n')).toHaveLength(1);
    await person.json(['roles', 'create', '--name', 'Doubled']);
    await person.json(['webhooks', 'create', '--name', 'Doubled', '--endpoint', 'https://hooks.example.com/in']);
    const shared = await person.run(['audit', 'list', '--target', 'doubled']);
    expect([shared.code, shared.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^2 items are called `doubled`\. Use an id:\n {2}role Doubled \(role_\w+\)\n {2}webhook Doubled/,
      ),
    ]);
    const none = await person.run(['audit', 'list', '--target', 'Watch']);
    expect([none.code, none.stderr]).toEqual([
      0,
      expect.stringMatching(/^Nothing is called `Watch`: it is taken for an id\. Did you mean:\n {2}API key watcher/),
    ]);
    const nowhere = await person.run(['audit', 'list', '--target', 'By key'], { env: { EDGEMINT_ORGANIZATION: '' } });
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('add --organization <name or id>')]);
  });

  test('log entries are filtered by the name of a client, or by the id of one that is gone', async () => {
    const entry = (client_id: string) =>
      JSON.stringify({ level: 'info', event: 'request', status: 200, route: '/oauth2/token', client_id });
    const tail = (client: string) =>
      person.run(['logs', 'tail', '--stdin', '--json', '--client', client], {
        input: `${entry(clientId)}\n${entry('gone')}\n`,
      });
    expect(JSON.parse((await tail('invoice worker')).stdout)).toMatchObject({ client_id: clientId });
    const gone = await tail('gone');
    expect(JSON.parse(gone.stdout)).toMatchObject({ client_id: 'gone' });
    expect(gone.stderr).toBe('Nothing is called `gone`: it is taken for an id.\n');
  });

  test('a secret is found by its hint', async () => {
    await person.json(['secrets', 'rotate', 'Invoice worker']);
    const { data } = await person.json<{ data: { id: string; rank: string; hint: string }[] }>([
      ...['secrets', 'list', 'Invoice worker'],
    ]);
    const secondary = data.find(({ rank }) => rank === 'secondary');
    const asked = await person.runAtTerminal(['secrets', 'delete', 'Invoice worker', secondary?.hint ?? ''], 'y\n');
    expect(asked.stdout).toContain(`Delete the secret ${secondary?.id} of the client Invoice worker (${clientId})?`);
    expect(asked.code).toBe(0);
    const gone = await person.run(['secrets', 'promote', 'Invoice worker', '0000']);
    expect([gone.code, gone.stderr]).toEqual([
      1,
      expect.stringMatching(/^The client has no secret with the id or hint `0000`\. It has:\n {2}primary …/),
    ]);
  });

  test('a question names the server and the organization', async () => {
    const asked = await person.runAtTerminal(['clients', 'delete', 'Invoice worker'], 'n\n');
    expect(asked.stdout).toMatch(
      new RegExp(
        `^Server ${edgemint.issuer}, organization Acme of names \\(org_\\w+\\)\\nDelete the client Invoice worker \\(${clientId}\\)\\? \\[y/N\\] `,
      ),
    );
    // The organization is that of the client, also if the command names none.
    delete person.env.EDGEMINT_ORGANIZATION;
    const alone = await person.runAtTerminal(['clients', 'delete', clientId], 'n\n');
    expect(alone.stdout).toContain('organization Acme of names');
  });
});

test('errors are problem documents on stdout with --json, and sentences on stderr', async () => {
  const person = await administrator('Acme of problems');
  const refused = await person.run(['clients', 'create', '--json']);
  expect(JSON.parse(refused.stdout)).toMatchObject({ status: 422, errors: [{ pointer: '/client_name' }] });
  expect(refused.stderr).toContain('`--name` is required');
  const wrong = await person.run(['clients', 'list', '--limit', 'x', '--json']);
  expect(wrong.code).toBe(2);
  expect(JSON.parse(wrong.stdout)).toMatchObject({ type: 'urn:edgemint:cli:usage', errors: [{ option: '--limit' }] });
  const failed = await person.run(['clients', 'list', '--json'], { env: { EDGEMINT_URL: 'http://127.0.0.1:2' } });
  expect(JSON.parse(failed.stdout)).toMatchObject({ type: 'urn:edgemint:cli:failed' });
  await person.leave();
});
