import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { administrator, edgemint } from './fixture.ts';
import type { Person } from './person.ts';

const ORDERS = 'https://commands.example.com/orders';

interface Client {
  client_id: string;
  client_name: string;
  client_secret: string;
  status: string;
}

describe('commands:', () => {
  let person: Person;

  beforeAll(async () => {
    person = await administrator('Acme commands');
    const scopes = ['--scope', 'orders:read Read orders', '--scope', 'orders:write'];
    await person.json(['resource-servers', 'create', '--identifier', ORDERS, '--name', 'Orders', ...scopes]);
  });

  afterAll(() => person?.leave());

  const newClient = (name: string, ...args: string[]) =>
    person.json<Client>(['clients', 'create', '--name', name, ...args]);

  describe('a command that was called wrongly exits with 2, and one whose request failed with 1:', () => {
    test.each([
      ['an unknown command', ['client', 'list'], 'Did you mean clients?'],
      ['an unknown option', ['clients', 'list', '--al'], 'Did you mean --all?'],
      [
        'several wrong options',
        ['clients', 'list', '--limit', 'x', '--unused-since', 'spring', '--sort', 'size'],
        '3 arguments are wrong:\n  --limit cannot be `x`. It must be a whole number, such as 50.\n  --unused-since cannot be `spring`. ',
      ],
      [
        'a missing option and argument',
        ['clients', 'trust-github'],
        '--repository-id is required. Example: --repository-id 74\n  <client> is',
      ],
      ['a missing argument', ['clients', 'get'], '<client> is required.'],
      [
        'an option without its value',
        ['secrets', 'rotate', 'x', '--grace'],
        '--grace needs a value. Example: --grace 1h\n',
      ],
      [
        'a name without quotes',
        ['clients', 'get', 'Invoice', 'worker'],
        'The argument `worker` is too many: the command takes <client>. Put a text with spaces in quotes.\n',
      ],
      [
        'an argument that is no choice',
        ['completion', 'csh'],
        '<shell> cannot be `csh`. Allowed choices are bash, zsh',
      ],
      [
        'a key file that is not there',
        ['clients', 'create', '--jwks-file', 'no\u001b[2J.pem'],
        '--jwks-file cannot be `no�[2J.pem`. no�[2J.pem does not exist.\n',
      ],
      ['a malformed number', ['clients', 'list', '--limit', 'x'], 'It must be a whole number, such as 50.'],
      ['a malformed duration', ['secrets', 'rotate', 'x', '--grace', '1w'], 'such as 30m'],
      ['a choice that is none', ['clients', 'create', '--status', 'off'], 'Allowed choices are active, disabled.'],
      ['a URL without https', ['clients', 'list', '--url', 'http://auth.example.com'], 'must start with https://'],
      ['nothing to change', ['clients', 'update', 'x'], 'No field to change is named'],
      [
        'a field both set and reset',
        ['clients', 'update', 'x', '--name', 'a', '--reset', 'client_name'],
        'both set and reset',
      ],
      ['half of a token’s id', ['tokens', 'revoke', '--jti', 'x'], 'must be used together'],
      ['a compromised key without an emergency', ['keys', 'rotate', '--kid', 'x'], '--kid requires --emergency.'],
      [
        'a key and an algorithm',
        ['keys', 'rotate', '--emergency', '--kid', 'x', '--alg', 'ES256'],
        'Use either --kid or --alg',
      ],
      ['a strength that is none', ['resource-servers', 'update', 'x', '--introspection', 'weak'], 'strong, edge'],
      ['a file that is not there', ['clients', 'create', '--from', 'nowhere'], 'nowhere'],
      ['no client to be', ['tokens', 'issue'], 'EDGEMINT_CLIENT_ID'],
    ])('%s', async (_, args, expected) => {
      const { code, stdout, stderr } = await person.run(args);
      expect(stderr).toContain(expected);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    });

    test('no server', async () => {
      const { code, stderr } = await person.run(['clients', 'list'], { env: { EDGEMINT_URL: '' } });
      expect(stderr).toContain('No server is named.');
      expect(code).toBe(2);
    });

    test.each([
      ['what is not there', ['clients', 'get', 'emc_nobody'], /^Not found \(404\)/],
      [
        'a required field',
        ['clients', 'create'],
        /\(422\)\n {2}`--name` is required\. Example: --name 'Invoice worker'\n$/,
      ],
      [
        'fields that are wrong',
        ['clients', 'create', '--name', ' a', '--access-token-ttl', '1'],
        /\(422\)\n {2}--name: must have .+, not ` a`\..*\n {2}--access-token-ttl: must be at least 60 s \(1m\), not `1s`\. Example: --access-token-ttl 10m\n$/,
      ],
      [
        'a part of a field that is wrong',
        ['roles', 'create', '--name', 'part', '--grant', 'https://nowhere.example.com a'],
        /\(422\)\n {2}--grant \(\/grants\/0\/resource_server\): .+\n$/,
      ],
      ['an unknown field', ['clients', 'update', 'emc_nobody', '--reset', 'nonsense'], /\((404|422)\)/],
      [
        'a key that nobody has',
        ['clients', 'list'],
        /\(401\).*\nLog in with a valid API key/,
        { EDGEMINT_API_KEY: 'x' },
      ],
      [
        'a server that is not there',
        ['clients', 'list'],
        /could not be reached: nothing listens there\. Is it running, and are host and port right\? \(ECONNREFUSED\)\.\n$/,
        { EDGEMINT_URL: 'http://127.0.0.1:2' },
      ],
      [
        'a URL of something else',
        ['organizations', 'list'],
        /\(404\)|did not answer with JSON/,
        { EDGEMINT_URL: 'PATH' },
      ],
    ])('%s', async (_, args, expected, env: Record<string, string> = {}) => {
      const url = env.EDGEMINT_URL === 'PATH' ? { EDGEMINT_URL: `${edgemint.issuer}/elsewhere` } : {};
      const { code, stdout, stderr } = await person.run(args, { env: { ...env, ...url } });
      expect(stderr).toMatch(expected);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    });
  });

  test('the policy for unused clients is set, changed and ended by options', async () => {
    const { id } = await person.json<{ id: string }>(['organizations', 'create', '--name', 'Unused']);
    const { client_id } = await person.json<Client>(['clients', 'create', '--name', 'rare', '--organization', id]);
    const update = (...args: string[]) => ['organizations', 'update', id, ...args];
    const set = update('--report-unused-after', '60', '--disable-unused-after', '90', '--except-unused', client_id);
    expect(await person.json(set)).toMatchObject({
      unused_clients: { report_after_days: 60, disable_after_days: 90, except: [client_id] },
    });
    expect(await person.json(update('--disable-unused-after', '120'))).toMatchObject({
      unused_clients: { report_after_days: 60, disable_after_days: 120, except: [client_id] },
    });
    const { code, stderr } = await person.run(update('--disable-unused-after', '30', '--except-unused', 'emc_x'));
    expect([code, stderr]).toEqual([1, expect.stringContaining('\n  --disable-unused-after: must not be less')]);
    expect((await person.run(update('--except-unused', 'emc_x'))).stderr).toContain(
      '\n  --except-unused (/unused_clients/except/0): Unknown client.',
    );
    expect(await person.json(update('--except-unused', 'RARE'))).toMatchObject({
      unused_clients: { disable_after_days: 120, except: [client_id] },
    });
    expect((await person.run(update('--except-unused', 'rar'))).stderr).toContain('Did you mean:\n  rare (emc_');
    expect(await person.json(update('--reset', 'unused-clients'))).toMatchObject({ unused_clients: null });
  });

  describe('lists', () => {
    beforeAll(async () => {
      for (let i = 0; i < 5; i++) await newClient(`Listed ${i}`, '--status', i === 4 ? 'disabled' : 'active');
    });

    test('are pages, or whole with --all', async () => {
      const names = ({ data }: { data: Client[] }) => data.map(({ client_name }) => client_name);
      const filter = ['clients', 'list', '--name', 'listed'];
      const page = await person.json<{ data: Client[]; next_cursor: string }>([...filter, '--limit', '2']);
      expect(names(page)).toEqual(['Listed 0', 'Listed 1']);
      const next = await person.json<{ data: Client[] }>([...filter, '--limit', '2', '--cursor', page.next_cursor]);
      expect(names(next)).toEqual(['Listed 2', 'Listed 3']);
      const all = await person.json<{ data: Client[]; next_cursor: null }>([...filter, '--all', '--limit', '2']);
      expect(all.next_cursor).toBeNull();
      expect(names(all)).toHaveLength(5);
      const disabled = await person.json<{ data: Client[] }>([...filter, '--status', 'disabled']);
      expect(names(disabled)).toEqual(['Listed 4']);
    });

    test('of one client’s credentials and scopes are shown with it, and not in the JSON that update takes', async () => {
      const { client_id } = await newClient('Detailed', '--grant', `${ORDERS} orders:read`);
      const { stdout } = await person.run(['clients', 'get', client_id]);
      expect(stdout).toMatch(/^credentials +secret ….{4}: no use known$/m);
      expect(stdout).toMatch(/^effective_scopes +https:\/\/\S+: orders:read \(direct\)$/m);
      const json = await person.json<Client>(['clients', 'get', client_id]);
      expect(Object.keys(json)).not.toContain('credentials');
    });

    test('of clients are filtered by method and last use, and sorted', async () => {
      const filter = ['clients', 'list', '--name', 'listed'];
      const names = async (...more: string[]) =>
        (await person.json<{ data: Client[] }>([...filter, ...more])).data.map(({ client_name }) => client_name);
      expect(await names('--sort', '-created_at', '--limit', '2')).toEqual(['Listed 4', 'Listed 3']);
      expect(await names('--auth-method', 'client_secret_basic', '--sort', '-name')).toHaveLength(5);
      expect(await names('--auth-method', 'tls_client_auth')).toEqual([]);
      expect(await names('--unused-since', '90d')).toEqual([]);
      expect(await names('--expires-before', '30d')).toEqual([]);
      expect(await names('--unused-since', '2999-01-01', '--sort', 'last_used_at')).toHaveLength(5);
      expect(await person.run([...filter, '--sort', 'owner'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('Allowed choices are name, -name, created_at,'),
      });
      expect(await person.run([...filter, '--unused-since', 'spring'])).toMatchObject({ code: 2, stdout: '' });
    });

    test('are tables for people, and what is said beside them is not on stdout', async () => {
      const { stdout, stderr } = await person.run(['clients', 'list', '--name', 'Listed', '--limit', '2']);
      const [head, ...rows] = stdout.trimEnd().split('\n');
      expect(head).toMatch(/^client_id +client_name +owner +method +roles +grants +status +expires_at +last_used_at$/);
      expect(rows).toHaveLength(2);
      expect(stderr).toMatch(/^There are more\. --all shows all, --cursor \S+ the next page\.\n$/);
      const none = await person.run(['clients', 'list', '--name', 'nobody']);
      expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'Nothing found.\n' });
    });

    test('show nothing that steers a terminal, neither as tables nor as JSON nor as YAML', async () => {
      const odd = '\u001b[2Jgone\u202e\u009b\u200f\u{e0041}';
      const fields = ['--grant', ORDERS, '--metadata', `odd=${odd}`, '--claims', JSON.stringify({ odd })];
      const { client_id } = await newClient('Steering', ...fields);
      const table = await person.run(['clients', 'get', client_id]);
      const json = await person.run(['clients', 'get', client_id, '--json']);
      const yaml = await person.run(['export']);
      const file = person.file('steering.yaml');
      await person.run(['export', '--file', file, '--yes']);
      for (const text of [table.stdout, json.stdout, yaml.stdout, await readFile(file, 'utf8')]) {
        expect(text).toContain('[2Jgone');
        expect(text.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }
      expect(JSON.parse(json.stdout)).toMatchObject({ metadata: { odd }, claims: { odd } });
      expect(json.stdout).toContain('\\u001b[2Jgone\\u202e\\u009b\\u200f\\udb40\\udc41');
      const { clients } = parse(yaml.stdout);
      expect(clients).toContainEqual(expect.objectContaining({ metadata: { odd }, claims: { odd } }));
    });
  });

  describe('a client', () => {
    test('is created from options, its secret shown once', async () => {
      const args = [
        '--grant',
        `${ORDERS} orders:read orders:write`,
        '--rate-limit',
        '60/10',
        '--access-token-ttl',
        '5m',
      ];
      const { code, stdout, stderr } = await person.run(['clients', 'create', '--name', 'Shown', ...args]);
      expect(code).toBe(0);
      expect(stdout.match(/ems_\w{49}/g)).toHaveLength(1);
      expect(stdout).toMatch(/^access_token_ttl +5m$/m);
      expect(stdout).toMatch(/^rate_limit +60 tokens a minute, 10 at once$/m);
      expect(stdout).toContain(`effective_scopes  ${ORDERS}: orders:read (direct) orders:write (direct)`);
      expect(stdout).not.toMatch(/ -$/m);
      expect(stderr).toBe('Store the client_secret now. It is not shown again.\n');
    });

    test('is created from a file, which options go over', async () => {
      const file = person.file('client.yaml');
      await writeFile(file, 'client_name: From a file\nclaims: { tier: gold }\nstatus: disabled\n');
      const made = await newClient('Over', '--from', file);
      expect(made).toMatchObject({ client_name: 'Over', claims: { tier: 'gold' }, status: 'disabled' });
    });

    test('that comes from another provider brings id and secret, which is not among the arguments', async () => {
      const client_secret = 'Zk3v9QxT7mB1nW5rY8uE2pLsHd6Jc4Fa';
      const args = ['clients', 'create', '--name', 'Imported', '--client-id', 'from-elsewhere', '--own-secret'];
      const { code } = await person.run([...args, '--grant', `${ORDERS} orders:read`], { input: `${client_secret}\n` });
      expect(code).toBe(0);
      const env = { EDGEMINT_CLIENT_ID: 'from-elsewhere', EDGEMINT_CLIENT_SECRET: client_secret };
      expect((await person.run(['tokens', 'issue'], { env })).code).toBe(0);
    });

    test('is changed in what is given alone, and reset; unless somebody changed it before', async () => {
      const { client_id } = await newClient('Changed', '--access-token-ttl', '10m', '--metadata', 'a=1');
      const seen = /ETag ("\S+")/.exec((await person.run(['clients', 'get', client_id])).stderr)?.[1] ?? '';
      const update = ['clients', 'update', client_id];
      const args = [...update, '--metadata', 'b=2=3', '--reset', 'access-token-ttl', '--if-match', seen];
      const changed = await person.json<object>(args);
      expect(changed).toMatchObject({ client_name: 'Changed', metadata: { a: '1', b: '2=3' }, access_token_ttl: null });
      const late = await person.run([...update, '--status', 'disabled', '--if-match', seen]);
      expect(late.code).toBe(1);
      expect(late.stderr).toContain('(412)');
    });

    test('is deleted when somebody agrees', async () => {
      const { client_id } = await newClient('Deleted');
      const unasked = await person.run(['clients', 'delete', client_id]);
      expect(unasked.code).toBe(2);
      expect(unasked.stderr).toContain(
        `Delete the client Deleted (${client_id})? There is no terminal to ask at: agree with --yes.`,
      );
      const agreed = await person.spawnAtTerminal(['clients', 'delete', client_id], 'y\n', '[y/N]');
      expect(agreed.stdout).toContain(`Deleted the client Deleted (${client_id}).`);
      expect((await person.run(['clients', 'get', client_id])).code).toBe(1);
    });
  });

  test('what others hold is deleted only with --cascade, and they are named', async () => {
    const { id } = await person.json<{ id: string }>(['roles', 'create', '--name', 'held']);
    const { client_id } = await newClient('Holder', '--role', 'held');
    const { code, stderr } = await person.run(['roles', 'delete', id, '--yes']);
    expect(code).toBe(1);
    expect(stderr).toContain(`\n  client Holder (${client_id})\n`);
    expect(stderr).toContain('--cascade');
    expect((await person.run(['roles', 'delete', id, '--yes', '--cascade'])).code).toBe(0);
    expect(await person.json(['clients', 'get', client_id])).toMatchObject({ roles: [] });
  });

  test('audit events are listed by target, and of late', async () => {
    const { client_id } = await newClient('Audited');
    const events = await person.json<{ data: { action: string }[] }>([
      'audit',
      'list',
      '--target',
      client_id,
      '--from',
      '1h',
    ]);
    expect(events.data.map(({ action }) => action)).toEqual(['client.created']);
    const before = await person.json<{ data: object[] }>(['audit', 'list', '--target', client_id, '--to', '1h']);
    expect(before.data).toEqual([]);
    const { stdout } = await person.run(['audit', 'list', '--action', 'client.created', '--limit', '1']);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC +root +client\.created /m);
  });

  test('a resource server chooses how it is introspected', async () => {
    const args = ['--identifier', 'https://api.example.com/near', '--name', 'Near', '--introspection', 'edge'];
    const made = await person.json<{ id: string }>(['resource-servers', 'create', ...args]);
    expect(made).toMatchObject({ introspection: 'edge' });
    const changed = await person.json(['resource-servers', 'update', made.id, '--introspection', 'strong']);
    expect(changed).toMatchObject({ introspection: 'strong' });
  });

  test('a resource server chooses whether it narrows a request for scopes', async () => {
    const args = ['--identifier', 'https://api.example.com/narrow', '--name', 'Narrow', '--scope-policy', 'narrow'];
    const made = await person.json<{ id: string }>(['resource-servers', 'create', ...args]);
    expect(made).toMatchObject({ scope_policy: 'narrow' });
    const changed = await person.json(['resource-servers', 'update', made.id, '--reset', 'scope_policy']);
    expect(changed).toMatchObject({ scope_policy: 'exact' });
  });

  test('a client chooses which of its successes are logged', async () => {
    const made = await person.json<{ client_id: string }>(['clients', 'create', '--name', 'Logged', '--log', 'all']);
    expect(made).toMatchObject({ log: 'all' });
    const changed = await person.json(['clients', 'update', made.client_id, '--log', 'sampled']);
    expect(changed).toMatchObject({ log: 'sampled' });
  });

  test('a client has an owner and a description, by which people find it', async () => {
    const args = ['--owner', 'https://teams.example.com/billing', '--description', 'Sends invoices'];
    const made = await newClient('Owned', ...args);
    expect(made).toMatchObject({ owner: 'https://teams.example.com/billing', description: 'Sends invoices' });
    const { stdout } = await person.run(['clients', 'list', '--owner', 'https://teams.example.com/billing']);
    expect(stdout.match(/^emc_/gm)).toHaveLength(1);
    const changed = await person.json(['clients', 'update', made.client_id, '--reset', 'owner', '--description', '']);
    expect(changed).toMatchObject({ owner: null, description: '' });
  });

  test('clients get a quota by options that set one member each, and `clients quota` shows what is left', async () => {
    const made = await newClient('Limited', '--quota-day', '100', '--quota-action', 'enforce');
    expect(made).toMatchObject({ quota: { tokens_per_day: 100, tokens_per_month: null, action: 'enforce' } });
    const changed = await person.json([
      'clients',
      'update',
      made.client_id,
      '--quota-month',
      '2000',
      '--quota-day',
      'none',
    ]);
    expect(changed).toMatchObject({ quota: { tokens_per_day: null, tokens_per_month: 2000, action: 'enforce' } });
    expect(await person.json(['clients', 'quota', made.client_id])).toMatchObject({
      action: 'enforce',
      month: { issued: 0, limit: 2000, remaining: 2000 },
    });
    const { stdout } = await person.run(['clients', 'quota', made.client_id]);
    expect(stdout).toMatch(/month +0 +2000 +2000/);
    expect(await person.json(['clients', 'update', made.client_id, '--reset', 'quota'])).toMatchObject({ quota: null });
    const { code, stderr } = await person.run(['clients', 'update', made.client_id, '--quota-day', '0']);
    expect([code === 0, stderr]).toEqual([false, expect.stringContaining('--quota-day')]);
  });

  test('a client ends at a time, on a day, or after a while, and what is no such time is refused with the option', async () => {
    const made = await newClient('Ending', '--expires-at', '2036-12-31');
    expect(made).toMatchObject({ expires_at: '2036-12-31T00:00:00.000Z' });
    const update = (...args: string[]) =>
      person.json<{ expires_at: string | null }>(['clients', 'update', made.client_id, ...args]);
    const later = await update('--expires-at', '90d');
    const days = (Date.parse(later.expires_at ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(90, 2);
    expect(await update('--expires-at', '2036-12-31T12:00:00+02:00')).toMatchObject({
      expires_at: '2036-12-31T10:00:00.000Z',
    });
    expect(await update('--reset', 'expires_at')).toMatchObject({ expires_at: null });
    const past = await person.run(['clients', 'update', made.client_id, '--expires-at', '2020-01-01']);
    expect(past.code).toBe(1);
    expect(past.stderr).toContain('--expires-at');
  });

  test('a diagnosis says what is wrong and what to do, before the refusals', async () => {
    const { client_id, client_secret } = await newClient('Refused', '--grant', `${ORDERS} orders:read`);
    const healthy = await person.run(['clients', 'diagnose', client_id]);
    expect(healthy.stdout).toMatch(
      /^emc_\w+: active, never used, 600 requests a minute and 100 at once, 100 left now\n/,
    );
    expect(healthy.stdout).toContain('\nNothing is wrong, and nothing was refused lately.\n');
    const env = { EDGEMINT_CLIENT_ID: client_id, EDGEMINT_CLIENT_SECRET: client_secret };
    await person.run(['tokens', 'issue', '--scope', 'orders:write orders:raed'], { env });
    const { stdout } = await vi.waitFor(async () => {
      const shown = await person.run(['clients', 'diagnose', client_id]);
      expect(shown.stdout).toContain('invalid_scope');
      return shown;
    });
    expect(stdout).toMatch(
      /\nwarning: scope_unknown orders:raed\n {2}A request .*\n {2}Compare .*\nwarning: scope_not_granted orders:write\n/,
    );
    expect(stdout).toMatch(
      /\nrefused once, last [\d-]+ [\d:]+ UTC: invalid_scope\n {2}A requested scope .*\n {2}Compare /,
    );
    expect(stdout).toMatch(/\nAccepted credentials\nkind .*\nsecret +sec_/);
    expect(stdout).toMatch(
      /\nRefusals\nat +count +reason .*\n.* 1 +invalid_scope +token +400 .*orders:write, orders:raed/,
    );
    expect(stdout).not.toContain(client_secret);
  });

  test('API keys are listed, and usage', async () => {
    const made = await person.run(['api-keys', 'create', '--name', 'ci', '--scope', 'clients:read', '--expires', '1d']);
    expect(made.stdout.match(/emk_\w+/g)).toHaveLength(1);
    expect((await person.run(['api-keys', 'list'])).stdout).toMatch(
      /^key_\w+ +ci +…\w{4} +clients:read +\d{4}-.* UTC +-$/m,
    );
    const { client_id } = await newClient('Used');
    expect(await person.json(['clients', 'usage', client_id, '--from', '24h'])).toEqual({
      data: [],
      next_cursor: null,
    });
    expect((await person.run(['clients', 'usage', client_id])).stderr).toBe('Nothing was counted yet.\n');
  });

  test('usage is shown by outcome, client or resource server, and the clients with the most requests', async () => {
    const { client_id } = await newClient('Counted');
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
    const insert = (await edgemint.database()).prepare('INSERT INTO client_usage VALUES (?, ?, ?, ?)');
    await insert.bind(client_id, hour, 'issued', 4211).run();
    await insert.bind(client_id, hour, 'rate_limited', 3).run();
    await edgemint.runScheduled();
    const start = new Date(hour).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
    const usage = await person.run(['usage', '--from', '1d']);
    expect(usage.stdout).toContain(`\n${start}  4211    rate_limited 3\n`);
    expect(usage.stderr).toContain('Complete until');
    const byClient = await person.run(['usage', '--by', 'client', '--interval', 'day', '--top', '1', '--all']);
    expect(byClient.stdout).toMatch(new RegExp(`${client_id} +Counted +4211 +3\n`));
    expect((await person.run(['usage', '--by', 'resource-server'])).stderr).toContain('Nothing found.');
    const top = await person.run(['top-clients', '--limit', '1']);
    expect(top.stdout).toMatch(new RegExp(`${client_id} +Counted +4211 +3\\n`));
    expect(top.stdout).not.toContain('missed_at_most');
    expect(await person.json(['top-clients'])).toMatchObject({ data: [{ client_id, missed_at_most: 0 }] });
    const wrong = await person.run(['usage', '--by', 'scope']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('--by');
    const late = await person.run(['usage', '--from', '1d', '--to', '2d']);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain('--from: `--from` is later than `--to`');
  });

  test('no secret was ever among the arguments of a command', () => {
    const args = person.calls.flat().join(' ');
    expect(args).not.toContain(edgemint.rootApiKey);
    expect(args).not.toMatch(/\bem[skr]_\w{43}/);
  });
});
