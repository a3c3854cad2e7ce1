import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/edgemint/program.ts';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { Person } from './cli.ts';

const ORDERS = 'https://api.example.com/orders';

let edgemint: RunningEdgemint;
let person: Person;

interface Client {
  client_id: string;
  client_name: string;
  client_secret: string;
  status: string;
}

beforeAll(async () => {
  edgemint = await startEdgemint();
  person = await Person.arrive({ EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: edgemint.rootApiKey });
  const { id } = await person.json<{ id: string }>([
    'organizations',
    'create',
    '--name',
    'Acme',
    '--metadata',
    'plan=gold',
  ]);
  person.env.EDGEMINT_ORGANIZATION = id;
  const scopes = ['--scope', 'orders:read Read orders', '--scope', 'orders:write'];
  await person.json(['resource-servers', 'create', '--identifier', ORDERS, '--name', 'Orders', ...scopes]);
});

afterAll(async () => {
  await edgemint?.stop();
  await person?.leave();
});

const newClient = (name: string, ...args: string[]) =>
  person.json<Client>(['clients', 'create', '--name', name, ...args]);

const asClient = ({ client_id, client_secret }: Client) => ({
  EDGEMINT_CLIENT_ID: client_id,
  EDGEMINT_CLIENT_SECRET: client_secret,
});

describe('the help', () => {
  const commands = (function all(command: ReturnType<typeof createProgram>): ReturnType<typeof createProgram>[] {
    return [command, ...command.commands.flatMap(all)];
  })(createProgram());

  test('says of every command, argument and option what it is', () => {
    expect(commands.length).toBeGreaterThan(45);
    for (const command of commands) {
      expect(command.description(), command.name()).not.toBe('');
      for (const option of command.options) expect(option.description, option.flags).not.toBe('');
    }
  });

  test('of no command clashes with what all take', () => {
    const shared = createProgram()
      .options.flatMap(({ short, long }) => [short, long])
      .filter(Boolean);
    for (const command of commands.slice(1)) {
      for (const { short, long } of command.options) {
        expect(shared).not.toContain(long);
        if (short) expect(shared).not.toContain(short);
      }
    }
  });

  test('is the answer to --help, and to a group without a command', async () => {
    const help = await person.run(['secrets', 'rotate', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: edgemint secrets rotate \[options\] <client_id>\n/);
    expect(help.stdout).toContain('--grace <duration>');
    expect(help.stdout).toContain('--organization <id>');
    const group = await person.run(['clients']);
    expect(group.code).toBe(2);
    expect(group.stderr).toContain('Usage: edgemint clients');
  });
});

describe('a command that was called wrongly exits with 2, and one whose request failed with 1:', () => {
  test.each([
    ['an unknown command', ['client', 'list'], 'Did you mean clients?'],
    ['an unknown option', ['clients', 'list', '--al'], 'Did you mean --all?'],
    ['a missing argument', ['clients', 'get'], "missing required argument 'client_id'"],
    ['a malformed number', ['clients', 'list', '--limit', 'x'], 'It must be a whole number.'],
    ['a malformed duration', ['secrets', 'rotate', 'x', '--grace', '1w'], 'as in 30m'],
    ['a choice that is none', ['clients', 'create', '--status', 'off'], 'Allowed choices are active, disabled.'],
    ['a URL without https', ['clients', 'list', '--url', 'http://auth.example.com'], 'with https'],
    ['nothing to change', ['clients', 'update', 'x'], 'Nothing to change was given'],
    [
      'a field both set and reset',
      ['clients', 'update', 'x', '--name', 'a', '--reset', 'client_name'],
      'both set and reset',
    ],
    ['half of a token’s id', ['tokens', 'revoke', '--jti', 'x'], 'go together'],
    ['a compromised key without an emergency', ['keys', 'rotate', '--kid', 'x'], '--kid goes with --emergency.'],
    ['a key and an algorithm', ['keys', 'rotate', '--emergency', '--kid', 'x', '--alg', 'ES256'], 'do not go together'],
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
    expect(stderr).toContain('Which server?');
    expect(code).toBe(2);
  });

  test.each([
    ['what is not there', ['clients', 'get', 'emc_nobody'], /^Not found \(404\)/],
    [
      'fields that are wrong',
      ['clients', 'create', '--name', ' a', '--access-token-ttl', '1'],
      /\(422\)\n( {2}\/\w+: .+\n){2}$/,
    ],
    ['an unknown field', ['clients', 'update', 'emc_nobody', '--reset', 'nonsense'], /\((404|422)\)/],
    [
      'a key that nobody has',
      ['clients', 'list'],
      /\(401\).*\nLog in with a key that is valid/,
      { EDGEMINT_API_KEY: 'x' },
    ],
    [
      'a server that is not there',
      ['clients', 'list'],
      /could not be reached: ECONNREFUSED\n$/,
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

  test('are tables for people, and what is said beside them is not on stdout', async () => {
    const { stdout, stderr } = await person.run(['clients', 'list', '--name', 'Listed', '--limit', '2']);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^client_id +client_name +method +roles +grants +status$/);
    expect(rows).toHaveLength(2);
    expect(stderr).toMatch(/^There are more: --all shows them, --cursor \S+ the next page\.\n$/);
    const none = await person.run(['clients', 'list', '--name', 'nobody']);
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'There is nothing.\n' });
  });

  test('show nothing that steers a terminal', async () => {
    await person.json(['roles', 'create', '--name', 'steering', '--description', '\u001b[2Jgone\u202e']);
    const { data } = await person.json<{ data: { id: string; name: string }[] }>(['roles', 'list']);
    const { stdout } = await person.run(['roles', 'get', data.find(({ name }) => name === 'steering')?.id ?? '']);
    expect(stdout).toContain('�[2Jgone�');
  });
});

describe('a client', () => {
  test('is created from options, its secret shown once', async () => {
    const args = ['--grant', `${ORDERS} orders:read orders:write`, '--rate-limit', '60/10', '--access-token-ttl', '5m'];
    const { code, stdout, stderr } = await person.run(['clients', 'create', '--name', 'Shown', ...args]);
    expect(code).toBe(0);
    expect(stdout.match(/ems_\w{49}/g)).toHaveLength(1);
    expect(stdout).toContain(`${ORDERS}: orders:read orders:write`);
    expect(stdout).toMatch(/^access_token_ttl +300$/m);
    expect(stderr).toBe('The client_secret is shown this once: keep it now.\n');
  });

  test('is created from a file, which options go over', async () => {
    await writeFile(person.file('client.yaml'), 'client_name: From a file\nclaims: { tier: gold }\nstatus: disabled\n');
    const made = await newClient('Over', '--from', 'client.yaml');
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
    expect(unasked.stderr).toContain(`Delete the client Deleted (${client_id})? Nobody can be asked here`);
    const agreed = await person.runAtTerminal(['clients', 'delete', client_id], 'y\n');
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

test('a secret is rotated, taken back and deleted', async () => {
  const client = await newClient('Rotated', '--grant', `${ORDERS} orders:read`);
  const { client_id } = client;
  const rotated = await person.json<Client>(['secrets', 'rotate', client_id, '--grace', '1h']);
  const works = async (client_secret: string) =>
    (await person.run(['tokens', 'issue'], { env: asClient({ ...client, client_secret }) })).code === 0;
  expect([await works(client.client_secret), await works(rotated.client_secret)]).toEqual([true, true]);
  const again = await person.run(['secrets', 'rotate', client_id]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('(409)');

  interface Secret {
    id: string;
    rank: string;
  }
  const secondary = async () => {
    const { data } = await person.json<{ data: Secret[] }>(['secrets', 'list', client_id]);
    return data.find(({ rank }) => rank === 'secondary')?.id ?? '';
  };
  const old = await secondary();
  expect(await person.json(['secrets', 'promote', client_id, old])).toMatchObject({ id: old, rank: 'primary' });
  expect((await person.run(['secrets', 'delete', client_id, await secondary()])).code).toBe(2);
  expect((await person.run(['secrets', 'delete', client_id, await secondary(), '--yes'])).code).toBe(0);
  expect([await works(client.client_secret), await works(rotated.client_secret)]).toEqual([true, false]);
});

describe('a token', () => {
  let client: Client;
  let token: string;

  beforeAll(async () => {
    client = await newClient('Token', '--grant', `${ORDERS} orders:read orders:write`, '--introspects', ORDERS);
  });

  test('is printed alone when it is issued', async () => {
    const args = ['tokens', 'issue', '--client-id', client.client_id, '--scope', 'orders:read'];
    const { code, stdout, stderr } = await person.run(args, { input: `${client.client_secret}\n` });
    expect(code).toBe(0);
    token = stdout.trim();
    expect(stdout).toBe(`${token}\n`);
    expect(decodeJwt(token).scope).toBe('orders:read');
    expect(stderr).toBe('For 3600 seconds, with the scopes orders:read.\n');
    const refused = await person.run(['tokens', 'issue', '--scope', 'nope'], { env: asClient(client) });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('invalid_scope');
  });

  test('is decoded without any server, and that says that nothing was verified', async () => {
    const { code, stdout, stderr } = await person.run(['tokens', 'decode'], {
      input: token,
      env: { EDGEMINT_URL: '' },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^alg +ES256$/m);
    expect(stdout).toMatch(/^exp +\d+ \(20\d\d-.* UTC, in (59|60) minutes\)$|^exp .* in 1 hour\)$/m);
    expect(stderr).toBe('Not verified: anybody could have written this.\n');
    const inJson = await person.run(['tokens', 'decode', '--json'], { input: token });
    expect(JSON.parse(inJson.stdout)).toEqual({
      header: expect.objectContaining({ typ: 'at+jwt' }),
      claims: decodeJwt(token),
      verified: false,
    });
    expect((await person.run(['tokens', 'decode'], { input: 'x.y.z' })).code).toBe(1);
  });

  test('is verified by the server’s keys, and a forged one is not', async () => {
    const verify = (text: string, ...args: string[]) =>
      person.run(['tokens', 'decode', '--verify', ...args], { input: text });
    expect(await verify(token, '--audience', ORDERS)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Valid: /),
    });
    expect(await verify(token, '--audience', 'https://other')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Not valid: .*aud/),
    });
    const [header = '', claims = '', signature = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), scope: 'orders:write' })).toString('base64url');
    expect((await verify([header, forged, signature].join('.'))).code).toBe(1);
    const unsigned = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    expect((await verify(`${unsigned}.${claims}.`)).code).toBe(1);
  });

  test('is introspected and revoked, by the key and by a client', async () => {
    const introspect = async (...args: string[]) =>
      JSON.parse(
        (await person.run(['tokens', 'introspect', '--json', ...args], { input: token, env: asClient(client) })).stdout,
      );
    expect(await introspect()).toMatchObject({ active: true, scope: 'orders:read' });
    expect(await introspect('--client-id', client.client_id)).toMatchObject({ active: true });
    expect(await introspect('--scope', 'orders:write')).toEqual({ active: false });
    const revoked = await person.run(['tokens', 'revoke'], { env: { EDGEMINT_TOKEN: token } });
    expect(revoked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Revoked: .*\n$/) });
    expect(await introspect()).toEqual({ active: false });
  });

  test('of a client or an organization is revoked with all others', async () => {
    const issue = async () => (await person.run(['tokens', 'issue'], { env: asClient(client) })).stdout;
    const isActive = async (input: string) =>
      JSON.parse((await person.run(['tokens', 'introspect', '--json'], { input })).stdout).active;
    const first = await issue();
    expect((await person.run(['clients', 'revoke-tokens', client.client_id])).code).toBe(2);
    expect((await person.run(['clients', 'revoke-tokens', client.client_id, '--yes'])).code).toBe(0);
    expect(await isActive(first)).toBe(false);
    const second = await issue();
    expect(await isActive(second)).toBe(true);
    await person.run(['organizations', 'revoke-tokens', person.env.EDGEMINT_ORGANIZATION ?? '', '--yes']);
    expect(await isActive(second)).toBe(false);
  });
});

test('a leaked secret is reported without a key, from stdin', async () => {
  const client = await newClient('Leaked', '--grant', `${ORDERS} orders:read`);
  const env = { EDGEMINT_API_KEY: '' };
  const reported = await person.run(['leaked-secrets', 'report', '--json'], { env, input: client.client_secret });
  expect(JSON.parse(reported.stdout)).toEqual({ status: 'disabled' });
  expect((await person.run(['tokens', 'issue'], { env: asClient(client) })).code).toBe(1);
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

describe('signing keys', () => {
  interface SigningKey {
    kid: string;
    alg: string;
    status: string;
  }
  const keyOf = async (wantedAlg: string, wanted: string) => {
    const { data } = await person.json<{ data: SigningKey[] }>(['keys', 'list']);
    const found = data.filter(({ alg, status }) => alg === wantedAlg && status === wanted);
    expect(found.length).toBeLessThan(2);
    return found[0]?.kid;
  };

  test('are listed, with the time from which they may sign', async () => {
    const { stdout } = await person.run(['keys', 'list']);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^kid +alg +status +created_at +signs_from /);
    const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC';
    expect(rows.filter((row) => new RegExp(`ES256 +next +${time} +${time} +- +-$`).test(row))).toHaveLength(1);
  });

  test('are rotated when somebody agrees: the next one signs, and the old one is published still', async () => {
    const [active, next] = [await keyOf('RS256', 'active'), await keyOf('RS256', 'next')];
    expect((await person.run(['keys', 'rotate', '--alg', 'RS256'])).code).toBe(2);
    const { code, stdout } = await person.run(['keys', 'rotate', '--alg', 'RS256', '--yes']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${active} +RS256 +retiring `, 'm'));
    expect(stdout).toMatch(new RegExp(`^${next} +RS256 +active `, 'm'));
  });

  test('that are compromised are taken out with their tokens, once no isolate has them any more', async () => {
    const client = await newClient('Signed', '--grant', `${ORDERS} orders:read`);
    const { stdout: token } = await person.run(['tokens', 'issue'], { env: asClient(client) });
    const compromised = await keyOf('ES256', 'active');
    const command = ['keys', 'rotate', '--emergency', '--alg', 'ES256'];
    const unasked = await person.run(command);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain('Take out the ES256 key that signs as compromised?');
    expect(await keyOf('ES256', 'active')).toBe(compromised);

    const running = person.run([...command, '--yes']);
    const isOver = running.then(() => true);
    const database = await edgemint.database();
    // The three minutes that isolates may go by what they hold are over at once.
    const settle = () => database.prepare('UPDATE changes SET settles_at = 1 WHERE settles_at > 1').run();
    while (!(await Promise.race([isOver, sleep(50, false)]))) await settle();
    const { code, stdout, stderr } = await running;
    expect(code).toBe(0);
    expect(stdout).not.toContain(compromised);
    expect(stdout).toMatch(/ES256 +active /);
    expect(stderr).toMatch(/Delivered\.\nNo token .* offline .* 600 s/);
    const { stdout: introspected } = await person.run(['tokens', 'introspect', '--json'], { input: token });
    expect(JSON.parse(introspected)).toEqual({ active: false });
    expect((await person.run(['tokens', 'issue'], { env: asClient(client) })).code).toBe(0);
  });

  test('are taken out by their id as well, whatever their status, and not waited for with --no-wait', async () => {
    const next = (await keyOf('EdDSA', 'next')) ?? '';
    const { code, stdout, stderr } = await person.run([
      'keys',
      'rotate',
      '--emergency',
      '--yes',
      '--no-wait',
      `--kid=${next}`,
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^status +pending$/m);
    expect(stdout).toMatch(/^settles_at +\d{4}-.* UTC$/m);
    expect(stderr).toBe('It is under way: edgemint changes get <id> shows how far.\n');
    expect(await keyOf('EdDSA', 'next')).not.toBe(next);
  });
});

test('API keys are listed, and usage', async () => {
  const made = await person.run(['api-keys', 'create', '--name', 'ci', '--scope', 'clients:read', '--expires', '1d']);
  expect(made.stdout.match(/emk_\w+/g)).toHaveLength(1);
  expect((await person.run(['api-keys', 'list'])).stdout).toMatch(
    /^key_\w+ +ci +…\w{4} +clients:read +\d{4}-.* UTC +-$/m,
  );
  const { client_id } = await newClient('Used');
  expect(await person.json(['clients', 'usage', client_id, '--from', '24h'])).toEqual({ data: [], next_cursor: null });
});

test('no secret was ever among the arguments of a command', () => {
  const args = person.calls.flat().join(' ');
  expect(args).not.toContain(edgemint.rootApiKey);
  expect(args).not.toMatch(/\bem[skr]_\w{43}/);
});
