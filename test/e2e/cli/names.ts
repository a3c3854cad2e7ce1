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
