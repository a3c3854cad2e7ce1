import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { administrator, edgemint, newOrganization } from './fixture.ts';
import type { Person } from './person.ts';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/edgemint.yaml', import.meta.url));
const ORDERS = 'https://api.example.com/orders';
const NOTHING = 'There is nothing to do.\n';

interface Listed {
  id: string;
  client_id: string;
  name: string;
  client_name: string;
  identifier: string;
  organization_id: string | null;
}

describe('apply and export:', () => {
  let person: Person;
  let organization: string;
  let example: string;

  beforeAll(async () => {
    example = await readFile(EXAMPLE, 'utf8');
    person = await administrator();
  });

  afterAll(() => person?.leave());

  /** Calls the management API directly, with the root key. */
  async function api<T = Listed>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${edgemint.issuer}/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${edgemint.rootApiKey}`, 'Content-Type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
  }

  const list = async (path: string) =>
    (await api<{ data: Listed[] }>('GET', `${path}?limit=100&organization_id=${organization}`)).data;

  async function find(path: string, name: string): Promise<Listed> {
    const found = (await list(path)).find((item) => [item.client_name, item.identifier, item.name].includes(name));
    if (!found) throw new Error(`There is no ${name}.`);
    return found;
  }

  const apply = (...args: string[]) => person.run(['apply', '--organization', organization, ...args]);
  const exported = async () => (await person.run(['export', '--organization', organization])).stdout;

  async function write(text: string): Promise<string> {
    const file = person.file('edgemint.yaml');
    await writeFile(file, text);
    return file;
  }

  describe('the example of three resource servers, five roles, twenty clients and a webhook', () => {
    let secrets: { client_name?: string; client_id?: string; client_secret?: string; signing_secret?: string }[];

    beforeAll(async () => {
      organization = await newOrganization(person, 'Example');
    });

    test('is planned and not applied by a dry run', async () => {
      const { code, stdout } = await apply('-f', EXAMPLE, '--dry-run');
      expect(code).toBe(0);
      expect(stdout).toContain('29 to create, 0 to change, 0 to delete.');
      expect(stdout).toContain('+ client Web shop\n');
      expect((await apply('-f', EXAMPLE, '--dry-run', '--exit-code')).code).toBe(3);
      expect(await list('clients')).toEqual([]);
      expect(await list('resource-servers')).toEqual([]);
    });

    test('is not applied where nobody is there to agree, nor where somebody does not', async () => {
      const unasked = await apply('-f', EXAMPLE);
      expect(unasked.code).toBe(2);
      expect(unasked.stderr).toContain('--yes');
      const refused = await person.runAtTerminal(['apply', '--organization', organization, '-f', EXAMPLE], 'n\n');
      expect(refused.code).toBe(1);
      expect(refused.stdout).toContain('Nothing was done.');
      expect(await list('resource-servers')).toEqual([]);
    });

    test('is applied, and the secrets of its clients are in a file for their owner alone', async () => {
      const file = person.file('secrets');
      const { code, stdout, stderr } = await apply('-f', EXAMPLE, '--yes', '--secrets-file', file);
      expect(stderr).toContain(file);
      expect(code).toBe(0);
      expect(stdout).toContain('Created the client Yearly audit.\n');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const text = await readFile(file, 'utf8');
      secrets = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(secrets).toHaveLength(21);
      for (const { client_secret, signing_secret = client_secret } of secrets)
        expect(stdout + stderr).not.toContain(signing_secret);
      expect(secrets.at(-1)).toEqual({
        webhook_name: 'Credentials that end',
        webhook_id: expect.stringMatching(/^wh_/),
        signing_secret: expect.stringMatching(/^whsec_/),
      });
      expect((await list('clients')).length).toBe(20);
      expect((await list('roles')).length).toBe(5);
    });

    test('works: a client of it gets a token for what its role grants', async () => {
      const shop = secrets.find(({ client_name }) => client_name === 'Web shop');
      const env = { EDGEMINT_CLIENT_ID: shop?.client_id ?? '', EDGEMINT_CLIENT_SECRET: shop?.client_secret ?? '' };
      const { stdout } = await person.run(['tokens', 'issue', '--json'], { env });
      expect(JSON.parse(stdout)).toMatchObject({ token_type: 'Bearer', scope: 'orders:read orders:write' });
    });

    test('applied again changes nothing', async () => {
      const before = await list('clients');
      const again = await apply('-f', EXAMPLE, '--yes', '--prune');
      expect(again).toMatchObject({ code: 0, stdout: NOTHING });
      expect((await apply('-f', EXAMPLE, '--dry-run', '--exit-code')).code).toBe(0);
      expect(await list('clients')).toEqual(before);
    });

    test('is exported as it was written, byte for byte', async () => {
      expect(await exported()).toBe(example);
    });

    test('is put right where somebody changed things by hand', async () => {
      const shop = await find('clients', 'Web shop');
      await api('PATCH', `clients/${shop.client_id}`, {
        status: 'disabled',
        metadata: { team: null, extra: 'x' },
        roles: ['auditor', 'order-clerk'],
        rate_limit: null,
      });
      await api('PATCH', `roles/${(await find('roles', 'accountant')).id}`, { description: null, grants: [] });
      await api('DELETE', `roles/${(await find('roles', 'warehouse')).id}?cascade=true`);
      await api('DELETE', `clients/${(await find('clients', 'Reporting')).client_id}`);
      const orders = await find('resource-servers', ORDERS);
      const scopes = [{ name: 'orders:read', description: 'Another' }, { name: 'orders:new' }];
      await api('PATCH', `resource-servers/${orders.id}?cascade=true`, { scopes, access_token_ttl: 60 });
      const grants = [{ resource_server: ORDERS, scopes: ['orders:new'] }];
      await api('POST', 'clients', { organization_id: organization, client_name: 'By hand', grants });

      // The file removes a scope that is still granted to a client outside the file.
      const kept = await apply('-f', EXAMPLE, '--yes');
      expect(kept.code).toBe(1);
      expect(kept.stderr).toBe(
        `${EXAMPLE}:13:5 resource_servers[1].scopes: The scope orders:new is still granted to By hand, which is not in the file.\n`,
      );

      const { stdout } = await apply('-f', EXAMPLE, '--dry-run', '--prune');
      expect(stdout).toContain(`~ resource server ${ORDERS}\n    scopes: - orders:new\n`);
      expect(stdout).toContain('    access_token_ttl: 60 → none\n');
      expect(stdout).toContain('    roles: - auditor\n');
      expect(stdout).toContain('    rate_limit: {"per_minute":600,"burst":100} → {"per_minute":6000,"burst":1000}\n');
      expect(stdout).toContain('    status: "disabled" → "active"\n');
      expect(stdout).toContain('    description: "" → "Writes invoices for orders"\n');
      expect(stdout).toContain('+ role warehouse\n');
      expect(stdout).toContain('+ client Reporting\n');
      expect(stdout).toContain('~ client Warehouse north\n    roles: + warehouse\n');
      expect(stdout).toContain('- client By hand\n');

      const repaired = await apply('-f', EXAMPLE, '--yes', '--prune');
      expect(repaired.code).toBe(0);
      expect(repaired.stdout.match(/\bems_\w{49}\b/g)).toHaveLength(1);
      expect(await exported()).toBe(example);
      expect((await apply('-f', EXAMPLE, '--prune')).stdout).toBe(NOTHING);
    });

    test('without --prune leaves what is not in it alone', async () => {
      await api('POST', 'clients', { organization_id: organization, client_name: 'By hand' });
      expect((await apply('-f', EXAMPLE)).stdout).toBe(NOTHING);
      expect((await apply('-f', EXAMPLE, '--prune', '--yes')).stdout).toContain('Deleted the client By hand.');
    });

    test('is pruned away by a file that declares nothing of it', async () => {
      const part = await apply('-f', await write('clients: []\n'), '--prune', '--dry-run');
      expect(part.stdout).toContain('0 to create, 0 to change, 20 to delete.');
      const file = await write('resource_servers: []\nroles: []\nclients: []\nwebhooks: []\n');
      const { code, stdout } = await apply('-f', file, '--prune', '--yes');
      expect(code).toBe(0);
      expect(stdout).toContain('0 to create, 0 to change, 29 to delete.');
      expect(await exported()).toBe('resource_servers: []\nroles: []\nclients: []\nwebhooks: []\n');
    });
  });

  describe('beside another organization and what is shared', () => {
    let other: string;
    let shared: Listed;

    beforeAll(async () => {
      other = await newOrganization(person, 'Other');
      organization = await newOrganization(person, 'Mine');
      const fields = { name: 'Shared', scopes: [{ name: 'a' }] };
      shared = await api('POST', 'resource-servers', { identifier: 'https://shared.example.com', ...fields });
      const grants = [{ resource_server: 'https://shared.example.com', scopes: ['a'] }];
      await api('POST', 'roles', { name: 'shared-role', grants });
      await api('POST', 'clients', { organization_id: other, client_name: 'Worker' });
    });

    const text =
      'clients:\n  - client_name: Worker\n    roles:\n      - shared-role\n    default_resource: https://shared.example.com\n';

    test('a file may refer to what is shared, and pruning touches only the organization', async () => {
      const file = await write(text);
      expect((await apply('-f', file, '--yes', '--prune')).code).toBe(0);
      expect((await apply('-f', file, '--prune')).stdout).toBe(NOTHING);
      expect(await exported()).toBe(`resource_servers: []\nroles: []\n${text}webhooks: []\n`);
      expect(await api('GET', `resource-servers/${shared.id}`)).toEqual(shared);
      const theirs = await person.json<{ data: Listed[] }>(['clients', 'list', '--organization', other]);
      expect(theirs.data.map(({ client_name }) => client_name)).toEqual(['Worker']);
      expect((await apply('-f', await write('clients: []\n'), '--yes', '--prune')).stdout).toContain('1 to delete.');
    });

    test('a file that declares what is shared is refused', async () => {
      const { code, stderr } = await apply('-f', await write('roles:\n  - name: Shared-Role\n'), '--yes');
      expect(code).toBe(1);
      expect(stderr).toContain(':2:5 roles[0]: Shared-Role is shared by all organizations. Remove it from the file.');
    });

    test('--shared is about what is shared alone', async () => {
      const { stdout } = await person.run(['export', '--shared']);
      expect(stdout).toContain('identifier: https://shared.example.com\n');
      const file = await write(stdout.replace('name: Shared\n', 'name: Renamed\n'));
      const plan = await person.run(['apply', '--shared', '-f', file, '--prune', '--yes']);
      expect(plan.stdout).toContain('name: "Shared" → "Renamed"');
      expect(plan.code).toBe(0);
      expect((await api('GET', `resource-servers/${shared.id}`)).name).toBe('Renamed');
      const clients = await person.run(['apply', '--shared', '-f', await write(text), '--yes']);
      expect(clients.code).toBe(1);
      expect(clients.stderr).toContain('without --shared');
    });

    test('an organization’s own key needs no organization named', async () => {
      const scopes = ['resource-servers', 'roles', 'clients'].flatMap((name) => [
        '--scope',
        `${name}:read`,
        '--scope',
        `${name}:write`,
      ]);
      const args = ['api-keys', 'create', '--organization', organization, '--name', 'apply', ...scopes];
      const { api_key } = await person.json<{ api_key: string }>(args);
      const env = { EDGEMINT_API_KEY: api_key };
      const file = await write('resource_servers:\n  - identifier: https://own.example.com\n    name: Own\n');
      const applied = await person.run(['apply', '-f', file, '--yes', '--prune'], { env });
      expect(applied).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/^Server \S+, organization Mine \(org_\w+\)\n$/),
      });
      expect((await find('resource-servers', 'https://own.example.com')).organization_id).toBe(organization);
      const again = await person.run(['apply', '-f', file, '--prune'], { env });
      expect(again.stdout).toBe(NOTHING);
    });
  });

  describe('applying', () => {
    beforeEach(async () => {
      organization = await newOrganization(person, `Applying ${crypto.randomUUID()}`);
    });

    test('refuses a file with something wrong anywhere, having changed nothing', async () => {
      const last = '  - client_name: Last\n    grants:\n      - resource_server: https://nobody.example.com\n';
      const text = example.replace('webhooks:\n', `${last}webhooks:\n`);
      const file = await write(text);
      const { code, stderr } = await apply('-f', file, '--yes');
      expect(code).toBe(1);
      const line = text.split('\n').findIndex((one) => one.includes('nobody')) + 1;
      expect(stderr).toBe(
        `${file}:${line}:9 clients[20].grants[0].resource_server: There is no resource server https://nobody.example.com.\n`,
      );
      expect(await list('clients')).toEqual([]);
    });

    test('refuses a key that the server would refuse, having changed nothing', async () => {
      const point = 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU';
      const keys = `{ keys: [{ kty: EC, crv: P-384, x: ${point}, y: ${point} }] }`;
      const last = `  - client_name: Last\n    token_endpoint_auth_method: private_key_jwt\n    jwks: ${keys}\n`;
      const file = await write(example.replace('webhooks:\n', `${last}webhooks:\n`));
      const { code, stderr } = await apply('-f', file, '--yes');
      expect(code).toBe(1);
      expect(stderr).toContain('clients[20].jwks.keys[0]: must be a signature key: P-256, Ed25519, or RSA');
      expect(await list('clients')).toEqual([]);
    });

    test('refuses to write secrets over a file, having changed nothing', async () => {
      const secrets = person.file('kept');
      await writeFile(secrets, 'mine');
      const file = await write('clients:\n  - client_name: A\n');
      const { code, stderr } = await apply('-f', file, '--yes', '--secrets-file', secrets);
      expect(code).toBe(1);
      expect(stderr).toContain('Nothing was done.');
      expect(await readFile(secrets, 'utf8')).toBe('mine');
      expect(await list('clients')).toEqual([]);
    });

    test('makes no secrets file where there is no new client', async () => {
      const secrets = person.file('none');
      const file = await write('roles:\n  - name: a-role\n');
      expect((await apply('-f', file, '--yes', '--secrets-file', secrets)).code).toBe(0);
      expect(existsSync(secrets)).toBe(false);
    });

    test('that fails on the way shows the secrets of what was created by then, and goes on when it is done again', async () => {
      const identifier = `https://${crypto.randomUUID()}.example.com`;
      await api('POST', 'resource-servers', { identifier, name: 'Shared' });
      const scopes = ['resource-servers:read', 'roles:read', 'clients:read', 'clients:write'];
      const { api_key } = await api<{ api_key: string }>('POST', 'api-keys', {
        organization_id: organization,
        name: 'k',
        scopes,
      });
      const env = { EDGEMINT_API_KEY: api_key };
      // The command line cannot know the limits of an organization's key, so it learns of them when the server refuses a request.
      const clients = (introspects: string) =>
        `clients:\n  - client_name: A\n  - client_name: B\n    introspects: ${introspects}\n`;
      const failed = await person.run(['apply', '-f', await write(clients(`[${identifier}]`)), '--yes'], { env });
      expect(failed.code).toBe(1);
      expect(failed.stdout).toMatch(/^A +emc_\w+ +ems_\w{49}$/m);
      expect(failed.stderr).toContain('Creating the client B failed.\nValidation failed (422)\n  /introspects/0: ');
      expect(failed.stderr).toContain('1 of 2 steps were done. Apply again to continue.');
      const repaired = await person.run(['apply', '-f', await write(clients('[]')), '--yes'], { env });
      expect(repaired.stdout).toContain('1 to create, 0 to change, 0 to delete.');
      expect(repaired.code).toBe(0);
    });

    test('that is interrupted finishes its step, shows the secrets of what was created by then, and goes on when it is done again', async () => {
      const clients = Array.from({ length: 30 }, (_, index) => `  - client_name: Client ${index}\n`);
      const file = await write(`clients:\n${clients.join('')}`);
      const reaction = {
        text: 'Created the client Client 3.',
        act: (child: { kill: (signal: 'SIGINT') => boolean }) => void child.kill('SIGINT'),
      };
      const args = ['apply', '--organization', organization, '-f', file, '--yes'];
      const { code, stdout, stderr } = await person.spawn(args, { reaction });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^Stopped: \d+ of 30 steps were done\. Apply again to continue\.$/m);
      const made = await list('clients');
      expect(made.length).toBeLessThan(30);
      for (const { client_id } of made) expect(stdout).toMatch(new RegExp(`${client_id} +ems_\\w{49}`));
      expect((await apply('-f', file, '--yes')).stdout).toContain(`${30 - made.length} to create, 0 to change`);
    });

    test('says what the server refuses', async () => {
      const identifier = `https://${crypto.randomUUID()}.example.com`;
      const owner = await newOrganization(person, `Owner ${crypto.randomUUID()}`);
      await api('POST', 'resource-servers', { organization_id: owner, identifier, name: 'T' });
      const file = await write(`resource_servers:\n  - identifier: ${identifier}\n    name: T\n`);
      const { code, stderr } = await apply('-f', file, '--yes');
      expect(code).toBe(1);
      expect(stderr).toContain(`Creating the resource server ${identifier} failed.`);
      expect(stderr).toContain('/identifier: Another resource server has this identifier,');
    });

    test('does not write over what somebody changed since the plan was shown', async () => {
      const file = await write('clients:\n  - client_name: A\n');
      await apply('-f', file, '--yes');
      const { client_id } = await find('clients', 'A');
      await api('PATCH', `clients/${client_id}`, { status: 'disabled' });
      const changed = person.whenAsked(['apply', '--organization', organization, '-f', file], async () => {
        await api('PATCH', `clients/${client_id}`, { access_token_ttl: 77 });
        return 'y\n';
      });
      const { code, stdout } = await changed;
      expect(stdout).toContain('It was changed after the plan was made');
      expect(code).toBe(1);
      expect(await api('GET', `clients/${client_id}`)).toMatchObject({ status: 'disabled', access_token_ttl: 77 });
    });

    test('tells programs in JSON what it did, new secrets once', async () => {
      const file = await write('clients:\n  - client_name: A\n');
      const planned = await person.json<object>(['apply', '--organization', organization, '-f', file, '--dry-run']);
      const plan = [{ action: 'create', type: 'client', name: 'A', fields: { client_name: 'A' } }];
      expect(planned).toEqual({ plan, applied: false });
      const applied = await person.json<{ clients: object[] }>([
        'apply',
        '--organization',
        organization,
        '-f',
        file,
        '--yes',
      ]);
      const { client_id } = await find('clients', 'A');
      const client = { client_name: 'A', client_id, client_secret: expect.stringMatching(/^ems_/) };
      expect(applied).toEqual({ plan, applied: true, clients: [client], webhooks: [] });
    });

    test('exporting asks before it writes over another file', async () => {
      const file = await write('# mine\n');
      const unasked = await person.run(['export', '--organization', organization, '-f', file]);
      expect(unasked.code).toBe(2);
      expect(await readFile(file, 'utf8')).toBe('# mine\n');
      expect((await person.run(['export', '--organization', organization, '-f', file, '--yes'])).code).toBe(0);
      expect(await readFile(file, 'utf8')).toBe(await exported());
      expect((await person.run(['export', '--organization', organization, '-f', file])).code).toBe(0);
    });
  });

  test('no secret was ever among the arguments of a command', () => {
    const args = person.calls.flat().join(' ');
    expect(args).not.toContain(edgemint.rootApiKey);
    expect(args).not.toMatch(/\bem[skr]_/);
  });
});
