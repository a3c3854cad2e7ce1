import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { CALLER_AGE } from '../../src/constants.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import worker from '../../src/index.ts';
import {
  api,
  basic,
  create,
  createClient,
  done,
  getToken,
  introspect,
  postForm,
  requestToken,
  revoke,
  send,
  world,
} from '../http.ts';
import { failing, startNewIsolate, withFault } from '../instruments.ts';
import { Isolate } from '../keys/isolate.ts';
import { assertionOf, JWT_BEARER, keyWorld } from '../machines.ts';
import { lineOf, requestLines } from './lines.ts';

let scene: Awaited<ReturnType<typeof world>>;
let token: string;

beforeAll(async () => {
  scene = await world('logged', { may_rotate_secret: true });
  token = (await getToken(scene.worker)).access_token;
});

const NO_SUCH = { client_id: 'emc_0123456789012345678901ABCDEFGH', client_secret: generateSecret('ems_') };
const request = { event: 'request', outcome: 'ok', reason: null };
const store = { calls: 1, ms: expect.any(Number) };

/** Returns the named fields of a log line. */
async function fieldsOf(line: Promise<Record<string, unknown>>, ...names: readonly string[]) {
  const all = await line;
  return names.map((name) => all[name]);
}

describe('a request is told of in one line', () => {
  test('a token request, with what was issued to whom, and what it took: the gate once, and no other store', async () => {
    await requestToken(scene.worker);
    expect(await lineOf(() => requestToken(scene.worker))).toEqual({
      ...request,
      method: 'POST',
      route: '/oauth2/token',
      status: 200,
      client_id: scene.worker.client_id,
      aud: scene.identifier,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      gate: store,
    });
  });

  test('a token request in a new isolate, which reads the keys from D1', async () => {
    startNewIsolate();
    const line = await lineOf(() => requestToken(scene.worker));
    expect(line).toMatchObject({ gate: { calls: 1 }, d1: { calls: 1 } });
  });

  test('the jti is the token’s', async () => {
    let answer: { access_token: string } | undefined;
    const line = await lineOf(async () => {
      const response = await requestToken(scene.worker);
      answer = await response.clone().json();
      return response;
    });
    const [, claims = ''] = answer?.access_token.split('.') ?? [];
    expect((JSON.parse(atob(claims)) as { jti: string }).jti).toBe(line.jti);
  });

  test('every public endpoint, by its route', async () => {
    const client = { Authorization: basic(scene.worker.client_id, scene.worker.client_secret) };
    const asked: [string, () => Promise<Response>, string][] = [
      ['POST', () => introspect(scene.api, token), '/oauth2/introspect'],
      ['POST', () => revoke(scene.worker, 'x'), '/oauth2/revoke'],
      [
        'POST',
        () => postForm('/oauth2/rotate-secret', { grace_seconds: 'x' }, { headers: client }),
        '/oauth2/rotate-secret',
      ],
      ...[
        '/.well-known/jwks.json',
        '/.well-known/oauth-authorization-server',
        '/.well-known/openid-configuration',
        '/oauth2/authorize',
        '/healthz',
        '/openapi.json',
        '/docs',
      ].map((path): [string, () => Promise<Response>, string] => ['GET', () => send(path), path]),
      ['HEAD', () => send('/docs', { method: 'HEAD' }), '/docs'],
      ['GET', () => send('/docs/swagger-ui.css'), '/docs/{file}'],
    ];
    for (const [method, ask, route] of asked) expect(await lineOf(ask)).toMatchObject({ method, route });
  });

  test('304', async () => {
    const etag = (await send('/.well-known/jwks.json')).headers.get('ETag') ?? '';
    const line = await lineOf(() => send('/.well-known/jwks.json', { headers: { 'If-None-Match': etag } }));
    expect(line).toMatchObject({ status: 304, outcome: 'ok', reason: null });
  });

  test('a management request, with who makes it', async () => {
    const path = `clients/${scene.worker.client_id}`;
    const line = { ...request, method: 'GET', route: '/v1/clients/{client_id}', status: 200, d1: store };
    // Its gate is asked for the last use.
    expect(await lineOf(() => api('GET', path))).toEqual({ ...line, actor: 'root', gate: store });
    const { id, api_key } = await create('api-keys', {
      organization_id: scene.organization,
      name: 'logged',
      scopes: ['clients:read'],
    });
    expect(await lineOf(() => api('GET', path, { key: api_key ?? '' }))).toMatchObject({
      actor: id,
      route: line.route,
    });
    expect(await lineOf(() => api('PATCH', path, { key: api_key ?? '', body: {} }))).toMatchObject({
      actor: id,
      outcome: 'refused',
      reason: 'forbidden',
    });
    expect(await lineOf(() => api('POST', `${path}/secrets/sec_x/promote`))).toMatchObject({
      route: '/v1/clients/{client_id}/secrets/{id}/promote',
      outcome: 'refused',
      reason: 'not_found',
    });
    const guess = await lineOf(() => api('GET', path, { key: generateSecret('emk_') }));
    expect(guess).toEqual({ ...line, outcome: 'refused', reason: 'unauthorized', status: 401, d1: undefined });
  });

  test('one that was repeated, and is answered with another’s success, has no reason', async () => {
    const init = {
      body: { organization_id: scene.organization, client_name: 'twice' },
      headers: { 'Idempotency-Key': 'twice' },
    };
    const lines = await requestLines(() => Promise.all([api('POST', 'clients', init), api('POST', 'clients', init)]));
    expect(lines.map(({ status, reason }) => [status, reason])).toEqual([
      [201, null],
      [201, null],
    ]);
  });

  test('one without a route, or by the wrong method', async () => {
    const names = ['route', 'status', 'outcome', 'reason'];
    expect(
      await fieldsOf(
        lineOf(() => send('/nothing')),
        ...names,
      ),
    ).toEqual([null, 404, 'refused', 'invalid_request']);
    expect(
      await fieldsOf(
        lineOf(() => send('/oauth2/token')),
        ...names,
      ),
    ).toEqual(['/oauth2/token', 405, 'refused', 'invalid_request']);
    expect(
      await fieldsOf(
        lineOf(() => api('GET', 'nothing')),
        ...names,
      ),
    ).toEqual([null, 404, 'refused', 'not_found']);
    expect(
      await fieldsOf(
        lineOf(() => api('PUT', 'clients/x')),
        ...names,
      ),
    ).toEqual(['/v1/clients/{client_id}', 405, 'refused', 'method_not_allowed']);
    expect(await lineOf(() => send('/nothing', { method: 'PROPFIND' }))).toMatchObject({ method: 'other' });
  });

  test('one that is throttled', async () => {
    const limited = await createClient({
      organization_id: scene.organization,
      client_name: 'limited',
      grants: [{ resource_server: scene.identifier, scopes: ['read'] }],
      rate_limit: { per_minute: 1, burst: 1 },
    });
    await requestToken(limited);
    expect(await lineOf(() => requestToken(limited))).toEqual({
      ...request,
      method: 'POST',
      route: '/oauth2/token',
      status: 429,
      outcome: 'throttled',
      reason: 'slow_down',
      client_id: limited.client_id,
      gate: store,
    });
  });

  test('one that a store had no answer for, named', async () => {
    const names = ['status', 'outcome', 'reason', 'store'];
    const gate = lineOf(() => failing('gate', () => requestToken(scene.worker)));
    expect(await fieldsOf(gate, ...names)).toEqual([503, 'unavailable', 'gate_unavailable', 'gate']);
    const d1 = lineOf(() => failing('d1', () => api('GET', 'organizations')));
    expect(await fieldsOf(d1, ...names)).toEqual([503, 'unavailable', 'd1_unavailable', 'd1']);
  });

  test('one that ends in an error nobody expected, by its class and where it was', async () => {
    const nonsense = () =>
      withFault(
        'gate',
        async () => undefined,
        () => requestToken(scene.worker),
      );
    expect(await lineOf(nonsense)).toMatchObject({
      status: 500,
      outcome: 'error',
      reason: 'unexpected',
      error: { name: 'TypeError', frames: expect.arrayContaining([expect.stringMatching(/^ {4}at /)]) },
    });
    const inManagement = () =>
      withFault(
        'gate',
        async () => undefined,
        () => api('GET', `clients/${scene.worker.client_id}/secrets`),
      );
    expect(await lineOf(inManagement)).toMatchObject({
      route: '/v1/clients/{client_id}/secrets',
      status: 500,
      outcome: 'error',
      reason: 'unexpected',
      error: { name: 'TypeError' },
    });
  });

  test('one to a service that is not configured, with what is missing', async () => {
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const line = await lineOf(async () =>
      worker.fetch(new Request('https://auth.example.com/healthz') as never, { ...env, MASTER_KEY: '' }, context),
    );
    expect(line).toMatchObject({ route: null, status: 500, outcome: 'error', reason: 'misconfigured' });
    expect(line.detail).toMatch(/^MASTER_KEY is missing/);
  });
});

describe('the reason is finer than the answer', () => {
  const why = async (ask: () => Promise<Response>) => fieldsOf(lineOf(ask), 'reason', 'client_id');
  const { client_id, client_secret } = NO_SUCH;
  const form = { grant_type: 'client_credentials' };

  test('where a client is not authenticated; and only an id of ours is told', async () => {
    const own = scene.worker.client_id;
    const wrong = { ...scene.worker, client_secret: generateSecret('ems_') };
    const byHeader =
      (Authorization: string, more = {}) =>
      () =>
        postForm('/oauth2/token', { ...form, ...more }, { headers: { Authorization } });
    expect(await why(() => postForm('/oauth2/token', form))).toEqual(['no_credentials', undefined]);
    expect(await why(() => postForm('/oauth2/token', { ...form, client_secret }))).toEqual([
      'malformed_credentials',
      undefined,
    ]);
    expect(await why(byHeader('Basic !'))).toEqual(['malformed_credentials', undefined]);
    expect(await why(byHeader(basic(own, 'x'), { client_secret }))).toEqual(['more_than_one_method', undefined]);
    expect(await why(byHeader(basic(own, 'x'), { client_id: 'x' }))).toEqual(['two_client_ids', undefined]);
    expect(await why(() => requestToken(NO_SUCH))).toEqual(['unknown_client', undefined]);
    expect(await why(() => requestToken({ client_id: client_secret, client_secret }))).toEqual([
      'unknown_client',
      undefined,
    ]);
    expect(await why(() => requestToken({ ...scene.worker, client_secret: 'x' }))).toEqual(['mistyped_secret', own]);
    expect(await why(() => requestToken(wrong))).toEqual(['wrong_secret', own]);
    const gone = await createClient({ organization_id: scene.organization, client_name: 'gone' });
    await done('DELETE', `clients/${gone.client_id}`);
    expect(await why(() => requestToken(gone))).toEqual(['unknown_client', gone.client_id]);
    const disabled = await createClient({
      organization_id: scene.organization,
      client_name: 'disabled',
      status: 'disabled',
    });
    expect(await why(() => requestToken(disabled))).toEqual(['disabled_client', disabled.client_id]);
    const guess = { ...disabled, client_secret: generateSecret('ems_') };
    expect(await why(() => requestToken(guess))).toEqual(['wrong_secret', disabled.client_id]);
    expect(client_id).toMatch(/^emc_/);
  });

  test('an imported id is told once its gate has authenticated it, and not before', async () => {
    const imported = { client_id: 'moved-in', client_secret: 'k3J8vQ2xT9mZ4wR7pL5nB6cY' };
    await create('clients', { organization_id: scene.organization, client_name: 'moved in', ...imported });
    expect(await why(() => requestToken({ ...imported, client_secret: 'z'.repeat(24) }))).toEqual([
      'wrong_secret',
      undefined,
    ]);
    expect(await why(() => requestToken({ ...imported, client_id: 'never-moved-in' }))).toEqual([
      'unknown_client',
      undefined,
    ]);
    expect(await why(() => requestToken(imported))).toEqual(['unauthorized_client', 'moved-in']);
  });

  test('where too many attempts have failed', async () => {
    const guess = () =>
      requestToken({ ...scene.api, client_secret: generateSecret('ems_') }, {}, { address: '192.0.2.77' });
    const lines = await requestLines(async () => {
      for (let tried = 0; tried < 23; tried++) await guess();
    });
    expect(lines.at(-1)).toMatchObject({ status: 429, outcome: 'throttled', reason: 'too_many_attempts' });
  });

  test('where a token is inactive, or was left as it is', async () => {
    const caller = scene.api.client_id;
    expect(await why(() => introspect(scene.api, token))).toEqual([null, caller]);
    expect(await why(() => introspect(scene.api, 'x'))).toEqual(['expired_or_invalid', caller]);
    expect(await why(() => introspect(scene.worker, token))).toEqual(['not_theirs', scene.worker.client_id]);
    expect(await why(() => introspect(scene.api, token, { scope: 'admin' }))).toEqual(['scope_not_granted', caller]);
    expect(await why(() => revoke(scene.worker, 'x'))).toEqual(['expired_or_invalid', scene.worker.client_id]);
    expect(await why(() => revoke(scene.api, token))).toEqual(['not_theirs', caller]);
    expect(await why(() => revoke(scene.worker, token))).toEqual([null, scene.worker.client_id]);
    expect(await why(() => introspect(scene.api, token))).toEqual(['revoked', caller]);
    const byKey = { headers: { Authorization: `Bearer ${env.ROOT_API_KEY}` } };
    const line = lineOf(() => postForm('/oauth2/introspect', { token }, byKey));
    expect(await fieldsOf(line, 'reason', 'actor', 'client_id')).toEqual(['revoked', 'root', undefined]);
    const asked = lineOf(() => postForm('/oauth2/introspect', { token }, { headers: { Authorization: 'Bearer x' } }));
    expect(await fieldsOf(asked, 'reason', 'actor')).toEqual(['invalid_token', undefined]);
  });
});

describe('of the successes, a share is logged', () => {
  const without = new Isolate({ LOG_SUCCESS_SHARE: '0' });

  test('at 0 no success of a busy route is logged, though its answer has an id', async () => {
    const { worker, api } = scene;
    const issued = await without.getToken(worker);
    const lines = await requestLines(async () => {
      await without.getToken(worker);
      expect(await without.isActive(api, issued)).toBe(true);
      const jwks = '/.well-known/jwks.json';
      const etag = (await without.send(jwks)).headers.get('ETag') ?? '';
      expect((await without.send(jwks, { headers: { 'If-None-Match': etag } })).status).toBe(304);
      expect((await without.send(jwks, { method: 'OPTIONS' })).status).toBe(204);
      const metadata = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
      for (const path of [...metadata, '/healthz', '/openapi.json', '/docs', '/docs/start.js', '/docs/LICENSE']) {
        const { status, headers } = await without.send(path);
        expect([path, status, headers.get('X-Request-Id')]).toEqual([
          path,
          200,
          expect.stringMatching(/^[0-9a-f-]{36}$/),
        ]);
      }
    });
    expect(lines).toEqual([]);
  });

  test('at 0 each failure, each throttling and each fault is logged, without a share', async () => {
    const { worker, api, organization, identifier } = scene;
    const limited = await createClient({
      organization_id: organization,
      client_name: 'limited to one',
      grants: [{ resource_server: identifier, scopes: ['read'] }],
      rate_limit: { per_minute: 1, burst: 1 },
    });
    const faulty = new Isolate({ LOG_SUCCESS_SHARE: '0' });
    const lines = await requestLines(async () => {
      await without.requestToken({ ...worker, client_secret: generateSecret('ems_') });
      await without.post('/oauth2/token', { grant_type: 'password' }, worker);
      await without.requestToken(limited);
      await without.requestToken(limited);
      await failing('gate', () => faulty.requestToken(worker));
      await withFault(
        'gate',
        async () => undefined,
        () => faulty.requestToken(worker),
      );
      await without.post('/oauth2/introspect', { token: 'x' }, api);
      await without.send('/nothing');
      await without.send('/docs/nothing');
      await without.send('/oauth2/authorize');
    });
    expect(lines.map(({ status, outcome, reason, client_id }) => [status, outcome, reason, client_id])).toEqual([
      [401, 'refused', 'wrong_secret', worker.client_id],
      [400, 'refused', 'unsupported_grant_type', undefined],
      [429, 'throttled', 'slow_down', limited.client_id],
      [503, 'unavailable', 'gate_unavailable', worker.client_id],
      [500, 'error', 'unexpected', worker.client_id],
      [200, 'ok', 'expired_or_invalid', api.client_id],
      [404, 'refused', 'invalid_request', undefined],
      [404, 'refused', 'invalid_request', undefined],
      [400, 'refused', 'unsupported_response_type', undefined],
    ]);
    for (const line of lines) expect(line).not.toHaveProperty('share');
  });

  test('at 0 each revocation, rotation and management request is logged', async () => {
    const { worker, api, organization } = await world('logged-writes', { may_rotate_secret: true });
    const token = await without.getToken(worker);
    const client = `clients/${worker.client_id}`;
    const lines = await requestLines(async () => {
      await without.post('/oauth2/revoke', { token }, worker);
      await without.post('/oauth2/rotate-secret', {}, worker);
      await without.done('POST', 'organizations', { name: 'logged, too' });
      await without.done('PATCH', client, { metadata: { a: 'b' } });
      await without.done('GET', client);
      await without.api('DELETE', `clients/${api.client_id}`);
      await without.done('GET', `organizations/${organization}`);
    });
    expect(lines.map(({ method, route }) => `${method} ${route}`)).toEqual([
      'POST /oauth2/revoke',
      'POST /oauth2/rotate-secret',
      'POST /v1/organizations',
      'PATCH /v1/clients/{client_id}',
      'GET /v1/clients/{client_id}',
      'DELETE /v1/clients/{client_id}',
      'GET /v1/organizations/{id}',
    ]);
    for (const line of lines) expect(line).toMatchObject({ outcome: 'ok' });
    for (const line of lines) expect(line).not.toHaveProperty('share');
  });

  test('at a quarter the id of the answer tells whether it is, and the line names the share', async () => {
    const quarter = new Isolate({ LOG_SUCCESS_SHARE: '0.25' });
    const answered: string[] = [];
    const lines = await requestLines(async () => {
      for (let asked = 0; asked < 60; asked++) {
        const { headers } = await (asked % 2 === 0 ? quarter.send('/healthz') : quarter.requestToken(scene.worker));
        answered.push(headers.get('X-Request-Id') ?? '');
      }
    });
    expect(lines.map(({ request_id }) => request_id)).toEqual(answered.filter((id) => id < '4'));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatchObject({ outcome: 'ok', share: 0.25 });
    for (const { route, jti } of lines) if (route === '/oauth2/token') expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('of a client with the log `all`', () => {
  const without = new Isolate({ LOG_SUCCESS_SHARE: '0' });

  test('each success is logged whatever the share, as a line that stands for itself', async () => {
    const { worker, api } = await world('logged-all', { log: 'all' });
    await done('PATCH', `clients/${api.client_id}`, { body: { log: 'all' } });
    const half = new Isolate({ LOG_SUCCESS_SHARE: '0.5' });
    const lines = await requestLines(async () => {
      for (const isolate of [without, half]) {
        for (let asked = 0; asked < 4; asked++) {
          // The second introspection meets a cached caller.
          await isolate.isActive(api, await isolate.getToken(worker));
        }
      }
    });
    const [token, introspection] = [
      { route: '/oauth2/token', status: 200, client_id: worker.client_id, jti: expect.any(String) },
      { route: '/oauth2/introspect', status: 200, client_id: api.client_id },
    ];
    expect(lines).toMatchObject(Array.from({ length: 8 }, () => [token, introspection]).flat());
    for (const line of lines) expect(line).not.toHaveProperty('share');
  });

  test('that holds for a client with a key as well', async () => {
    const { signer, clientId } = await keyWorld('logged-key', { log: 'all' });
    const client_assertion = await assertionOf(clientId, signer);
    const form = { grant_type: 'client_credentials', client_assertion_type: JWT_BEARER, client_assertion };
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const init = { method: 'POST', headers, body: new URLSearchParams(form).toString() };
    const lines = await requestLines(() => without.send('/oauth2/token', init));
    expect(lines).toMatchObject([{ status: 200, client_id: clientId }]);
  });

  test('a change takes effect with the next token, and with introspections within 10 seconds', async () => {
    const { worker, api } = await world('logged-change');
    const token = await without.getToken(worker);
    expect(await requestLines(() => without.isActive(api, token))).toEqual([]);
    const set = async (log: string) => {
      for (const { client_id } of [worker, api]) await done('PATCH', `clients/${client_id}`, { body: { log } });
    };
    await set('all');
    expect(await requestLines(() => without.getToken(worker))).toHaveLength(1);
    expect(await requestLines(() => without.isActive(api, token))).toEqual([]);
    vi.setSystemTime(Date.now() + CALLER_AGE * 1000);
    try {
      expect(await requestLines(() => without.isActive(api, token))).toHaveLength(1);
      await set('sampled');
      expect(await requestLines(() => without.getToken(worker))).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});

test('every answer forbids a browser to guess another content type', async () => {
  const paths = [
    '/healthz',
    '/openapi.json',
    '/docs',
    '/docs/swagger-ui.css',
    '/nothing',
    '/v1/clients',
    '/v1/nothing',
  ];
  const discovery = ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server'];
  for (const path of [...paths, ...discovery, '/oauth2/token'])
    expect([path, (await send(path)).headers.get('X-Content-Type-Options')]).toEqual([path, 'nosniff']);
  const token = await postForm('/oauth2/token', { grant_type: 'client_credentials' });
  expect([token.status, token.headers.get('X-Content-Type-Options')]).toEqual([401, 'nosniff']);
});

describe('the id of a request', () => {
  test('is its own, whatever the client says', async () => {
    const inbound = '00000000-0000-4000-8000-000000000000';
    const lines = await requestLines(async () => {
      for (const path of ['/healthz', '/healthz', '/v1/clients']) {
        const answer = await send(path, { headers: { 'X-Request-Id': inbound } });
        expect(answer.headers.get('X-Request-Id')).not.toBe(inbound);
      }
    });
    expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(3);
  });

  test('stands beside Cloudflare’s, where that has its form', async () => {
    const withRay = (ray: string) => lineOf(() => send('/healthz', { headers: { 'CF-Ray': ray } }));
    expect(await withRay('8f2b1c0d9e7a6f54-FRA')).toMatchObject({ ray: '8f2b1c0d9e7a6f54-FRA' });
    expect(await withRay('8f2b1c0d9e7a6f54')).toMatchObject({ ray: '8f2b1c0d9e7a6f54' });
    for (const ray of ['ems_secret', '8f2b1c0d9e7a6f54-FRA1', '8F2B1C0D9E7A6F54']) {
      expect(await withRay(ray)).not.toHaveProperty('ray');
    }
  });
});

test('nothing of a URL, a header or a body is in the line but what is known to be ours', async () => {
  const secret = 'c0ffee-secret-c0ffee';
  const lines = await requestLines(async () => {
    for (const path of [`/${secret}`, `/oauth2/token?client_secret=${secret}`, `/docs/${secret}`, `/v1/${secret}`]) {
      await send(path, { headers: { 'User-Agent': secret, Authorization: `Bearer ${secret}`, 'CF-Ray': secret } });
    }
    await api('GET', `clients/${secret}?cursor=${secret}`);
    await api('POST', 'leaked-secrets', { key: null, body: { secret } });
    await requestToken({ client_id: secret, client_secret: secret }, { scope: secret, resource: `https://${secret}` });
    await requestToken({ ...scene.worker, client_secret: secret });
    await requestToken(scene.worker, { scope: secret });
    await introspect(scene.api, secret);
    await postForm('/oauth2/token', { [secret]: secret });
  });
  expect(lines).toHaveLength(11);
  expect(JSON.stringify(lines).toLowerCase()).not.toContain('ffee');
});
