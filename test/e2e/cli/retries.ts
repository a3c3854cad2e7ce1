import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { edgemint, newOrganization } from './fixture.ts';
import { Person } from './person.ts';

/** `lose` forwards the request but loses the answer. `refuse` forwards nothing. `break` breaks in the middle of the answer. An object is the answer, and nothing is forwarded. */
type Fault =
  | 'pass'
  | 'lose'
  | 'refuse'
  | 'break'
  | { status: number; headers?: Record<string, string>; body?: unknown };

interface Client {
  client_id: string;
  client_name: string;
  client_secret: string;
}

describe('over a connection with faults', () => {
  let person: Person;
  let proxy: Server;
  let seen: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];
  /** The faults of the next requests, in order. Later requests pass. */
  let faults: Fault[];
  /** Whether the proxy makes the tags of answers weak, as Cloudflare does when it compresses them. */
  let weakens: boolean;

  beforeAll(async () => {
    proxy = createServer((request, response) => void forward(request, response).catch(() => response.destroy()));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = proxy.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    person = await Person.arrive({ EDGEMINT_URL: `http://127.0.0.1:${port}`, EDGEMINT_API_KEY: edgemint.rootApiKey });
    faults = [];
    seen = [];
    person.env.EDGEMINT_ORGANIZATION = await newOrganization(person, 'Acme of faults');
  });

  beforeEach(() => {
    faults = [];
    seen = [];
    weakens = false;
  });

  afterAll(async () => {
    proxy?.close();
    await person?.leave();
  });

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const asked = { method, path: url, headers, body: '' };
    seen.push(asked);
    const fault = faults.shift() ?? 'pass';
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    asked.body = body.toString();
    if (fault === 'refuse') return void response.destroy();
    if (typeof fault === 'object') {
      response.writeHead(fault.status, { 'Content-Type': 'application/json', ...fault.headers });
      return void response.end(fault.body === undefined ? '' : JSON.stringify(fault.body));
    }
    const passed = Object.entries(headers).filter(([name]) => !['host', 'connection', 'content-length'].includes(name));
    const answer = await fetch(`${edgemint.issuer}${url}`, {
      method,
      headers: Object.fromEntries(passed) as Record<string, string>,
      ...(body.length > 0 ? { body } : {}),
    });
    const text = await answer.text();
    if (fault === 'lose') return void response.destroy();
    const etag = answer.headers.get('ETag');
    const type = answer.headers.get('Content-Type') ?? 'application/json';
    if (fault === 'break') {
      response.writeHead(answer.status, { 'Content-Type': type });
      return void response.write(text.slice(0, text.length / 2), () => response.destroy());
    }
    response
      .writeHead(answer.status, { 'Content-Type': type, ...(etag ? { ETag: weakens ? `W/${etag}` : etag } : {}) })
      .end(text);
  }

  const create = (name: string) => person.json<Client>(['clients', 'create', '--name', name]);
  const BUSY: Fault = { status: 503, headers: { 'Retry-After': '0' } };

  test('a list goes on where the server ended a page early, so that nothing found means that there is nothing', async () => {
    faults = ['further', 'end', null].map((next_cursor) => ({ status: 200, body: { data: [], next_cursor } }));
    const { stdout, stderr } = await person.run(['clients', 'list', '--sort', '-last_used_at']);
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: 'Nothing found.\n' });
    expect(seen.map(({ path }) => new URL(path, 'http://x').searchParams.get('cursor'))).toEqual([
      null,
      'further',
      'end',
    ]);
  });

  describe('a request', () => {
    test('whose answer was lost is repeated under its key: one client, and the secret that works', async () => {
      faults = ['lose', 'lose'];
      const client = await create('Lost');
      const keys = seen.map(({ headers }) => headers['idempotency-key']);
      expect(keys).toHaveLength(3);
      expect(new Set(keys).size).toBe(1);
      const { data } = await person.json<{ data: Client[] }>(['clients', 'list', '--name', 'Lost']);
      expect(data.map(({ client_id }) => client_id)).toEqual([client.client_id]);
      const env = { EDGEMINT_CLIENT_ID: client.client_id, EDGEMINT_CLIENT_SECRET: client.client_secret };
      // The secret works: the client is refused because it has no grant, not because of its credentials.
      expect((await person.run(['tokens', 'issue'], { env })).stderr).toContain('unauthorized_client');
    });

    test('of another command has another key', async () => {
      await create('One');
      await create('Two');
      const keys = seen.map(({ headers }) => headers['idempotency-key']);
      expect(new Set(keys).size).toBe(2);
    });

    test('that the server is too busy for is repeated when it says, and given up after five times', async () => {
      faults = [BUSY, { status: 429, headers: { 'Retry-After': '0' } }];
      const { code, stderr } = await person.run(['clients', 'list']);
      expect(code).toBe(0);
      expect(stderr).toMatch(/is busy \(503\)\. Trying again in 0 s …\n.*is busy \(429\)/);
      faults = Array.from({ length: 9 }, () => BUSY);
      seen = [];
      const refused = await person.run(['clients', 'list']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('(503)');
      expect(seen).toHaveLength(5);
    });

    test('that is refused is not repeated', async () => {
      expect((await person.run(['clients', 'create'])).code).toBe(1);
      expect(seen).toHaveLength(1);
    });

    test('is not sent on to where a redirect points', async () => {
      faults = [{ status: 307, headers: { Location: `${edgemint.issuer}/v1/clients` } }];
      const { code, stderr } = await person.run(['clients', 'list']);
      expect(code).toBe(1);
      expect(stderr).toContain('redirect');
      expect(seen).toHaveLength(1);
    });
  });

  describe('a change whose answer was lost', () => {
    test('is not taken for another’s when it is repeated', async () => {
      const { client_id } = await create('Patched');
      const etag = /ETag ("\S+")/.exec((await person.run(['clients', 'get', client_id])).stderr)?.[1] ?? '';
      faults = ['lose'];
      const args = ['clients', 'update', client_id, '--status', 'disabled', '--if-match', etag];
      seen = [];
      expect(await person.json(args)).toMatchObject({ status: 'disabled' });
      // The last request is acknowledged, so every gate has received the change.
      expect(seen.map(({ method }) => method)).toEqual(['PATCH', 'PATCH', 'GET', 'PATCH']);
    });

    test('is told when it really is another’s', async () => {
      const { client_id } = await create('Contended');
      faults = [BUSY];
      const args = ['clients', 'update', client_id, '--status', 'disabled', '--if-match', '"1"'];
      const { code, stderr } = await person.run(args);
      expect(code).toBe(1);
      expect(stderr).toContain('(412)');
    });

    test('that deletes is done when there is nothing left to delete', async () => {
      const { client_id } = await create('Deleted');
      faults = ['lose'];
      expect((await person.run(['clients', 'delete', client_id, '--yes'])).code).toBe(0);
      const gone = await person.run(['clients', 'delete', client_id, '--yes']);
      expect(gone.code).toBe(1);
      expect(gone.stderr).toContain('(404)');
    });
  });

  test('whose tags are weakened, apply changes what somebody else did not', async () => {
    weakens = true;
    const file = person.file('weakened.yaml');
    for (const scopes of ['[]', '[{ name: read }]']) {
      await writeFile(
        file,
        `resource_servers:\n  - { identifier: https://weak.example.com, name: W, scopes: ${scopes} }\n`,
      );
      expect(await person.run(['apply', '-f', file, '--yes'])).toMatchObject({ code: 0 });
    }
    expect(seen.findLast(({ method }) => method === 'PATCH')?.headers['if-match']).toMatch(/^W\/"\d+"$/);
    type Listed = { id: string; identifier: string; scopes: object[] };
    const { data } = await person.json<{ data: Listed[] }>(['resource-servers', 'list']);
    const server = data.find(({ identifier }) => identifier === 'https://weak.example.com');
    expect(server?.scopes).toHaveLength(1);
    const args = ['resource-servers', 'update', server?.id ?? '', '--name', 'X', '--if-match', 'W/"1"'];
    expect((await person.run(args)).stderr).toContain('(412)');
  });

  describe('an issuer that ends with a slash', () => {
    const metadata = (): Fault => ({ status: 200, body: { issuer: `${person.env.EDGEMINT_URL}/` } });

    test('is the audience of a workload that is trusted', async () => {
      const { client_id } = await create('Slashed');
      faults = [metadata()];
      const trusted = await person.json<{ federated_identities: object[] }>([
        'clients',
        'trust-github',
        client_id,
        '--repository-id',
        '74',
      ]);
      expect(trusted.federated_identities).toMatchObject([{ audience: `${person.env.EDGEMINT_URL}/` }]);
    });

    test('is the issuer of a token that is verified', async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256');
      const keys: Fault = {
        status: 200,
        body: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] },
      };
      const verify = async (iss: string) => {
        faults = [metadata(), keys];
        const header = { alg: 'ES256', kid: 'one', typ: 'at+jwt' };
        const input = await new SignJWT({ iss }).setProtectedHeader(header).sign(privateKey);
        return (await person.run(['tokens', 'decode', '--verify'], { input })).code;
      };
      expect(await verify(`${person.env.EDGEMINT_URL}/`)).toBe(0);
      expect(await verify(person.env.EDGEMINT_URL ?? '')).toBe(1);
    });
  });

  describe('a change that goes on after its answer', () => {
    const change = (delivered: number) => ({
      id: '1042',
      status: delivered === 900 ? 'delivered' : 'pending',
      gates: 900,
      delivered,
    });

    test('is waited for, and its progress shown', async () => {
      faults = [
        { status: 202, body: change(100) },
        { status: 200, body: change(500) },
        { status: 200, body: change(900) },
      ];
      const { code, stdout, stderr } = await person.run([
        'roles',
        'update',
        'role_7n42DGM5Tflk9n8mt7Fhc7',
        '--name',
        'y',
        '--json',
      ]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toEqual(change(900));
      expect(stderr).toBe('Delivering: 100 of 900 …\nDelivering: 500 of 900 …\nDelivered to all 900.\n');
      expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
        'PATCH /v1/roles/role_7n42DGM5Tflk9n8mt7Fhc7',
        'GET /v1/changes/1042',
        'GET /v1/changes/1042',
      ]);
    });

    test('is told of by when it is done everywhere, where that takes longer than telling the gates', async () => {
      const revoked = { id: '7', status: 'pending', gates: 0, delivered: 0, settles_at: null as string | null };
      const settling = { ...revoked, settles_at: '2026-01-01T00:03:00.000Z' };
      faults = [
        { status: 202, body: revoked },
        { status: 200, body: settling },
        { status: 200, body: settling },
        { status: 200, body: { ...settling, status: 'delivered' } },
      ];
      const { code, stdout, stderr } = await person.run(['keys', 'rotate', '--emergency', '--alg', 'EdDSA', '--yes']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^kid +alg +status /);
      const [waiting, settlesAt, delivered, ...rest] = stderr.trimEnd().split('\n');
      expect(waiting).toMatch(/^Waiting/);
      expect(settlesAt).toContain('2026-01-01 00:03:00 UTC');
      expect(delivered).toBe('Delivered.');
      expect(rest).toEqual([expect.stringMatching(/^The tokens of the removed keys are inactive\. .*600 s/)]);
      expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
        'POST /v1/signing-keys/rotate',
        ...Array.from({ length: 3 }, () => 'GET /v1/changes/7'),
        'GET /v1/signing-keys',
      ]);
      expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ emergency: true, alg: 'EdDSA' });
    });

    test('is not waited for with --no-wait', async () => {
      faults = [{ status: 202, body: change(100) }];
      const { code, stdout, stderr } = await person.run([
        'roles',
        'delete',
        'role_7n42DGM5Tflk9n8mt7Fhc7',
        '--yes',
        '--no-wait',
      ]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^delivered +100$/m);
      expect(stderr).toContain('edgemint changes get');
      expect(seen).toHaveLength(1);
    });
  });

  test('an export continues after a break, and leaves a file only if it has every event', async () => {
    for (const name of ['e1', 'e2', 'e3', 'e4', 'e5']) await create(name);
    const file = person.file('audit.ndjson');
    const args = ['audit', 'export', '--action', 'client.created'];
    const whole = await person.run(args);
    expect(whole).toMatchObject({ code: 0, stderr: expect.stringContaining('The export is complete.') });
    const events = whole.stdout.trimEnd().split('\n');
    const names = events.map((line) => JSON.parse(line).changes.client_name);
    expect(names.slice(-5)).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
    faults = ['break', 'break', 'refuse'];
    const written = await person.run([...args, '--output', file]);
    expect(written, written.stderr).toMatchObject({ code: 0, stdout: '' });
    expect(written.stderr).toContain(`${events.length} events in ${file}. The export is complete.`);
    expect(await readFile(file, 'utf8')).toBe(whole.stdout);
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    const broken: Fault = {
      status: 200,
      headers: { 'Content-Type': 'application/x-ndjson' },
      body: { at: '1', id: 'a' },
    };
    faults = Array.from({ length: 9 }, () => broken);
    const failed = await person.run([...args, '--output', file]);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('The export is incomplete') });
    expect(await readFile(file, 'utf8')).toBe(whole.stdout);
    expect((await readdir(person.home)).filter((name) => name.startsWith('audit'))).toEqual(['audit.ndjson']);
    faults = [{ status: 200, body: { data: [], next_cursor: null } }];
    expect((await person.run(args)).stderr).toContain('it has an older version');
    expect((await person.run([...args, '--output', person.file('none/audit')])).code).toBe(1);
  });

  test.each([
    [['--strong'], 'strong'],
    [[], null],
  ])('an introspection with the options %j asks for what is %s', async (options, expected) => {
    expect((await person.run(['tokens', 'introspect', ...options], { input: 'x.y.z' })).code).toBe(0);
    expect(new URLSearchParams(seen[0]?.body).get('introspection')).toBe(expected);
  });

  test('clients with claims from before are searched in every organization, and shown with these claims', async () => {
    const client = (name: string, fields: object) => ({ client_id: `emc_${name}`, client_name: name, ...fields });
    const [one, two] = [
      client('one', { organization_id: 'org_1', claims: { Scope: 'x', tier: 1 }, requestable_claims: [] }),
      client('two', { organization_id: 'org_2', claims: {}, requestable_claims: ['job', 'ｒole'] }),
    ];
    const page = (...data: object[]) => ({ status: 200, body: { data, next_cursor: null } });
    faults = [page({ id: 'org_1' }, { id: 'org_2' }), page(one), page(two)];
    const { code, stdout } = await person.run(['clients', 'reserved-claims'], { env: { EDGEMINT_ORGANIZATION: '' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^org_1 +emc_one +one +Scope +-$/m);
    expect(stdout).toMatch(/^org_2 +emc_two +two +- +ｒole$/m);
    expect(seen.map(({ path }) => path.replace(/[?&]limit=\d+/, ''))).toEqual([
      '/v1/organizations',
      '/v1/clients?organization_id=org_1&reserved_claims=true',
      '/v1/clients?organization_id=org_2&reserved_claims=true',
    ]);
  });
});
