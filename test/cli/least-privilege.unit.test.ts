import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { REPRESENTATIONS } from '../../src/documentation/management-examples.ts';
import { Person } from '../e2e/cli/person.ts';

const judged = REPRESENTATIONS.LeastPrivilege;
const role = {
  id: 'role_1',
  name: 'order-reader',
  shared: true,
  unused: [{ resource_server: 'https://api.example.com/orders', scopes: ['orders:list'] }],
  suggestion: 'split_role',
};
const other = { ...judged, client_id: 'emc_other', client_name: 'Other', etag: '"7"', roles: [role] };
const nothing = { ...judged, client_id: 'emc_nothing', client_name: 'Nothing', patch: {} };
const path = `/v1/clients/${judged.client_id}/least-privilege`;
const ofAll = `/v1/organizations/${judged.organization_id}/least-privilege`;
const conflict = {
  title: 'Conflicts with the current state',
  errors: [{ pointer: '/patch/grants', detail: '`orders:write` was used.' }],
};

describe('least-privilege', () => {
  let server: Server;
  let person: Person;
  let requests: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];
  /** Answers by method and path. */
  let answers: Record<string, [status: number, body: unknown]>;

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const { method = '', url = '', headers } = request;
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      requests.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() });
      const [status, body] = answers[`${method} ${url.split('?')[0]}`] ?? [404, { title: 'Not found' }];
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    person = await Person.arrive({ EDGEMINT_URL: `http://127.0.0.1:${port}`, EDGEMINT_API_KEY: 'a key' });
  });

  beforeEach(() => {
    requests = [];
    answers = {
      [`GET ${path}`]: [200, judged],
      'GET /v1/me': [200, REPRESENTATIONS.Me],
      [`GET ${ofAll}`]: [200, { data: [judged, other, nothing], next_cursor: null }],
      [`POST ${path}/apply`]: [200, { ...REPRESENTATIONS.Client, grants: [] }],
      'POST /v1/clients/emc_other/least-privilege/apply': [409, conflict],
    };
  });

  afterAll(async () => {
    server?.close();
    await person?.leave();
  });

  const applied = () => requests.filter(({ method }) => method === 'POST');

  test('shows a table, and what could be removed', async () => {
    const { code, stdout, stderr } = await person.run(['least-privilege', judged.client_id, '--unused-for', '30d']);
    expect(code).toBe(0);
    expect(requests.map((request) => request.path)).toEqual([`${path}?unused_for=30`]);
    expect(stdout).toMatch(/^client +resource_server +scope +source +last_requested_at .*status\n/);
    expect(stdout).toMatch(/orders:read +role order-reader +2026-11-22 01:00:00 UTC .* used\n/);
    expect(stdout).toMatch(/orders:write +direct .* unused since 2026-05-01 17:00:00 UTC\n/);
    expect(stderr).toContain(`--apply removes 1 unused grant of Invoice worker (${judged.client_id}).`);
    expect(applied()).toEqual([]);
  });

  test('applies the patch with the version that was judged, after a question', async () => {
    const args = ['least-privilege', judged.client_id, '--apply'];
    expect((await person.run(args)).code).toBe(2);
    expect((await person.runAtTerminal(args, 'n\n')).code).toBe(1);
    expect(applied()).toEqual([]);
    const { code, stdout } = await person.runAtTerminal(args, 'y\n');
    expect([code, stdout]).toEqual([0, expect.stringContaining('Remove 1 unused grant of Invoice worker')]);
    const [request] = applied();
    expect(request?.headers).toMatchObject({ 'if-match': judged.etag, 'idempotency-key': expect.any(String) });
    expect(JSON.parse(request?.body ?? '')).toEqual({ unused_since: judged.unused_since, patch: judged.patch });
  });

  test('takes all clients of the API key’s organization, says what roles are about, and goes on after a refusal', async () => {
    const { code, stdout, stderr } = await person.run(['least-privilege', '--apply', '--yes']);
    expect(code).toBe(1);
    expect(requests.map((request) => request.path).slice(0, 2)).toEqual(['/v1/me', `${ofAll}?unused_for=90&limit=50`]);
    expect(applied()).toHaveLength(2);
    expect(stdout).toContain('Removed the unused grants of Invoice worker');
    expect(stderr).toContain('Other does not use orders:list of the role order-reader: other clients have it');
    expect(stderr).toContain('Other (emc_other): Conflicts with the current state (409)');
    expect(stderr).toContain('`orders:write` was used.');
  });

  test('prints the JSON of the API', async () => {
    expect(await person.json(['least-privilege', judged.client_id])).toEqual(judged);
    expect(await person.json(['least-privilege'])).toMatchObject({ data: [judged, other, nothing] });
    answers[`GET ${ofAll}`] = [200, { data: [judged, nothing], next_cursor: null }];
    expect(await person.json(['least-privilege', '--apply', '--yes'])).toMatchObject({
      data: [{ client_id: judged.client_id, grants: [] }],
    });
  });

  test('says that there is nothing to remove, and what is missing', async () => {
    answers[`GET ${path}`] = [200, nothing];
    const { code, stderr } = await person.run(['least-privilege', judged.client_id, '--apply', '--yes']);
    expect([code, stderr]).toEqual([0, 'No grant of a client can be removed.\n']);
    answers['GET /v1/me'] = [200, { ...REPRESENTATIONS.Me, organization: null }];
    expect(await person.run(['least-privilege'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--organization'),
    });
    for (const days of ['0', '1h', 'x'])
      expect((await person.run(['least-privilege', '--unused-for', days])).code).toBe(2);
  });
});
