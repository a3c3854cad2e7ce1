import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrator, edgemint } from './fixture.ts';
import type { Person } from './person.ts';

const ORDERS = 'https://tokens.example.com/orders';

interface Client {
  client_id: string;
  client_name: string;
  client_secret: string;
  status: string;
}

describe('secrets, tokens and keys:', () => {
  let person: Person;

  beforeAll(async () => {
    person = await administrator('Acme tokens');
    const scopes = ['--scope', 'orders:read Read orders', '--scope', 'orders:write'];
    await person.json(['resource-servers', 'create', '--identifier', ORDERS, '--name', 'Orders', ...scopes]);
  });

  afterAll(() => person?.leave());

  const newClient = (name: string, ...args: string[]) =>
    person.json<Client>(['clients', 'create', '--name', name, ...args]);

  const asClient = ({ client_id, client_secret }: Client) => ({
    EDGEMINT_CLIENT_ID: client_id,
    EDGEMINT_CLIENT_SECRET: client_secret,
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
      expect(stderr).toBe('Valid for 3600 seconds, with the scopes orders:read.\n');
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
      expect(stderr).toBe('Not verified. Anybody could have written this token.\n');
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
          (await person.run(['tokens', 'introspect', '--json', ...args], { input: token, env: asClient(client) }))
            .stdout,
        );
      expect(await introspect()).toMatchObject({ active: true, scope: 'orders:read' });
      expect(await introspect('--client-id', client.client_id)).toMatchObject({ active: true });
      expect(await introspect('--scope', 'orders:write')).toEqual({ active: false });
      const revoked = await person.run(['tokens', 'revoke'], { env: { EDGEMINT_TOKEN: token } });
      expect(revoked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Revoked\. .*\n$/) });
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
    const unknown = await person.run(['leaked-secrets', 'report'], { env, input: 'unknown-text' });
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringContaining('No secret or API key of this server has this value.'),
    ]);
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
      expect(unasked.stderr).toContain('Remove the active ES256 key as compromised?');
      expect(await keyOf('ES256', 'active')).toBe(compromised);

      const running = person.run([...command, '--yes']);
      const isOver = running.then(() => true);
      const database = await edgemint.database();
      // Ends the three minutes at once in which isolates may still use their cached keys.
      const settle = () => database.prepare('UPDATE changes SET settles_at = 1 WHERE settles_at > 1').run();
      while (!(await Promise.race([isOver, sleep(50, false)]))) await settle();
      const { code, stdout, stderr } = await running;
      expect(code).toBe(0);
      expect(stdout).not.toContain(compromised);
      expect(stdout).toMatch(/ES256 +active /);
      expect(stderr).toMatch(/Delivered\.\nThe tokens .* Offline .* 600 s/);
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
      expect(stderr).toBe('The change is still propagating. edgemint changes get <id> shows its progress.\n');
      expect(await keyOf('EdDSA', 'next')).not.toBe(next);
    });
  });

  test('no secret was ever among the arguments of a command', () => {
    const args = person.calls.flat().join(' ');
    expect(args).not.toContain(edgemint.rootApiKey);
    expect(args).not.toMatch(/\bem[skr]_\w{43}/);
  });
});
