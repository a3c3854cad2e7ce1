import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrator, edgemint, newOrganization } from './fixture.ts';
import type { Person } from './person.ts';

const API = 'https://danger.example.com/api';

describe('before something is lost:', () => {
  let person: Person;

  beforeAll(async () => {
    person = await administrator('Acme in danger');
    await person.json(['resource-servers', 'create', '--identifier', API, '--name', 'Api', '--scope', 'a']);
  });

  afterAll(() => person?.leave());

  test('an organization is deleted with all of it only after a list, by who types its name', async () => {
    const id = await newOrganization(person, 'Doomed');
    const other = ['--organization', 'Doomed'];
    await person.json(['clients', 'create', '--name', 'Doomed worker', ...other]);
    await person.json(['roles', 'create', '--name', 'doomed-role', ...other]);
    const args = ['organizations', 'delete', 'doomed', '--cascade'];
    const list =
      `Server ${edgemint.issuer}, organization Doomed (${id})\n  client Doomed worker\n  role doomed-role\n` +
      '--cascade deletes all of it for good: 1 client, 0 API keys, 0 resource servers, 1 role, 0 webhooks. All their tokens end.\n';
    for (const agreed of [[], ['--yes']]) {
      const unasked = await person.run([...args, ...agreed]);
      expect([unasked.code, unasked.stderr]).toEqual([
        2,
        `${list}Delete the organization Doomed (${id})? There is no terminal to ask at: agree with --confirm <name>.\n`,
      ]);
    }
    const wrong = await person.runAtTerminal([...args, '--yes'], 'doomed\n');
    expect(wrong.stdout).toBe(
      `${list}Delete the organization Doomed (${id})? Type its name to agree: That is not its name. Nothing was done.\n`,
    );
    const mistaken = await person.run([...args, '--confirm', 'Acme in danger']);
    expect([mistaken.code, mistaken.stderr]).toEqual([2, expect.stringContaining('is called `Doomed`. Nothing was')]);
    expect((await person.runAtTerminal(args, 'Doomed\n')).stdout).toContain('Deleted the organization Doomed');
    const again = await newOrganization(person, 'Doomed');
    const confirmed = await person.run([...args, '--confirm', 'Doomed']);
    expect(confirmed.code).toBe(0);
    expect(confirmed.stderr).toContain(
      `organization Doomed (${again})\n--cascade deletes all of it for good: 0 clients, `,
    );
  });

  describe('apply', () => {
    const file = (clients: object[], more: object = {}) =>
      writeFile(person.file('danger.json'), JSON.stringify({ roles: [], clients, ...more })).then(() => [
        'apply',
        '--file',
        person.file('danger.json'),
      ]);
    const worker = (name: string, more: object = {}) => ({
      client_name: name,
      grants: [{ resource_server: API, scopes: ['a'] }],
      ...more,
    });

    test('names the server and the organization', async () => {
      const planned = await person.run([...(await file([worker('Named')])), '--dry-run']);
      expect(planned.stderr).toMatch(
        new RegExp(`^Server ${edgemint.issuer}, organization Acme in danger \\(org_\\w+\\)\n`),
      );
    });

    test('warns with --prune of what was used lately', async () => {
      const used = await person.json<{ client_id: string; client_secret: string }>([
        ...['clients', 'create', '--name', 'Used', '--grant', `${API} a`],
      ]);
      await person.json(['clients', 'create', '--name', 'Idle', '--grant', API]);
      const env = { EDGEMINT_CLIENT_ID: used.client_id, EDGEMINT_CLIENT_SECRET: used.client_secret };
      expect((await person.run(['tokens', 'issue'], { env })).code).toBe(0);
      const planned = await person.run([...(await file([])), '--prune', '--dry-run']);
      expect(planned.stdout).toMatch(/^- client Idle\n {4}never used$/m);
      expect(planned.stdout).toMatch(/^- client Used\n {4}last used \d{4}-.* UTC \(\d+[smh] ago\)$/m);
      expect(planned.stderr).toMatch(
        /^Warning: --prune deletes 1 client that was used in the last 35 days: Used \(\d+[smh] ago\)\.$/m,
      );
    });

    test('renames what was moved: a client keeps its id and credentials, its role its holders', async () => {
      const roles = (name: string) => [{ name, grants: [{ resource_server: API, scopes: ['a'] }] }];
      const before = await file([worker('Old name', { roles: ['old-role'] })], { roles: roles('old-role') });
      const created = await person.json<{ clients: [{ client_id: string; client_secret: string }] }>([
        ...before,
        '--yes',
      ]);
      const [{ client_id, client_secret }] = created.clients;
      const renamed = worker('New name', { roles: ['new-role'], access_token_ttl: 300 });
      const unsaid = await person.run([
        ...(await file([renamed], { roles: roles('new-role') })),
        '--prune',
        '--dry-run',
      ]);
      expect(unsaid.stderr).toContain('say so in a `moved` block: it then keeps its id and credentials.');
      const moved = [
        { type: 'client', from: 'Old name', to: 'New name' },
        { type: 'role', from: 'old-role', to: 'new-role' },
      ];
      const args = await file([renamed], { roles: roles('new-role'), moved });
      const planned = await person.run([...args, '--dry-run']);
      expect(planned.stdout).toBe(
        '~ role new-role\n    name: "old-role" → "new-role"\n~ client New name\n    client_name: "Old name" → "New name"\n' +
          '    access_token_ttl: none → 300\n\n0 to create, 2 to change, 0 to delete.\n',
      );
      expect(await person.run([...args, '--yes'])).toMatchObject({ code: 0 });
      expect(await person.json(['clients', 'get', 'New name'])).toMatchObject({ client_id, roles: ['new-role'] });
      const env = { EDGEMINT_CLIENT_ID: client_id, EDGEMINT_CLIENT_SECRET: client_secret };
      expect((await person.run(['tokens', 'issue'], { env })).code).toBe(0);
      expect((await person.run([...args, '--dry-run', '--exit-code'])).code).toBe(0);
    });

    test.each([
      [{ type: 'client', from: 'a', to: 'gone' }, 'moved[0].to: The file has no client gone.'],
      [{ type: 'client', from: 'kept', to: 'kept 2' }, 'moved[0].from: The file still has the client kept.'],
      [{ type: 'resource_server', from: 'a', to: 'b' }, 'must be client, role or webhook.'],
    ])('refuses the move %o', async (move, complaint) => {
      const args = await file([worker('kept'), worker('kept 2')], { moved: [move] });
      const { code, stderr } = await person.run([...args, '--dry-run']);
      expect([code, stderr]).toEqual([1, expect.stringContaining(complaint)]);
    });
  });
});
