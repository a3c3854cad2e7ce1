import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { base64url } from 'jose';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { hashSecret } from '../../src/credentials/secret-hash.ts';
import { Redacted } from '../../src/log/redacted.ts';
import { API_KEY_SCOPES } from '../../src/management/http/authorization.ts';
import { readConfig } from '../../src/platform/config.ts';
import { hashOf } from '../client-gate/gate.ts';
import { api, type Credentials, create, createClient, done, getToken, requestToken, send } from '../http.ts';
import { failing, withFault } from '../instruments.ts';
import worker from '../worker.ts';
import { ROUTES } from './every-route.ts';
import { everyRow, keyWith, pointedAt, problemOf, rowsOf } from './rows.ts';

let organization: string;
let server: Record<string, string>;
let counter = 0;
const name = () => `idempotent ${++counter}`;
const fresh = () => ({ 'Idempotency-Key': crypto.randomUUID() });

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  const scopes = [{ name: 'read' }];
  const identifier = 'https://orders.example.com';
  server = await create('resource-servers', { organization_id: organization, identifier, name: 'Orders', scopes });
  await send('/.well-known/jwks.json');
});

afterEach(() => {
  vi.useRealTimers();
});

const grants = () => [{ resource_server: server.id, scopes: ['read'] }];
const newClient = () => createClient({ organization_id: organization, client_name: name(), grants: grants() });
const clientBody = () => ({ organization_id: organization, client_name: name() });

// Every POST that requires an API key. A repeated leak report gets the same answer without an `Idempotency-Key`.
const POSTS = Object.entries(ROUTES).filter(([route]) => route.startsWith('POST '));

const eventsSince = async (before: number) => (await rowsOf('SELECT id FROM audit_events')).length - before;
const eventCount = async () => (await rowsOf('SELECT id FROM audit_events')).length;

describe('every POST', () => {
  test.each(POSTS)('%s is applied once, and a repeat gets the same answer', async (_, { call: prepare }) => {
    const call = await prepare(organization);
    const headers = { ...call.headers, ...fresh() };
    const before = await eventCount();
    const first = await api('POST', call.path, { body: call.body, headers });
    const text = await first.text();
    expect([200, 201], text).toContain(first.status);
    expect(first.headers.get('Idempotent-Replayed')).toBeNull();
    const rows = await everyRow();
    for (let repeat = 0; repeat < 2; repeat++) {
      const again = await api('POST', call.path, { body: call.body, headers });
      expect(again.status).toBe(first.status);
      expect(await again.text()).toBe(text);
      expect(again.headers.get('ETag')).toBe(first.headers.get('ETag'));
      expect(again.headers.get('Content-Type')).toBe(first.headers.get('Content-Type'));
      expect(again.headers.get('Cache-Control')).toBe('no-store, no-transform');
      expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    }
    expect(await everyRow()).toEqual(rows);
    expect(await eventsSince(before)).toBeGreaterThanOrEqual(1);
  });

  test.each(POSTS)(
    '%s, sent 20 times at once, is applied once, and all get the same answer',
    async (_, { call: prepare }) => {
      const call = await prepare(organization);
      const headers = { ...call.headers, ...fresh() };
      const before = await eventCount();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => api('POST', call.path, { body: call.body, headers })),
      );
      const texts = new Set(await Promise.all(answers.map((answer) => answer.text())));
      expect([...texts], [...texts].join('\n')).toHaveLength(1);
      expect(new Set(answers.map(({ status }) => status)).size).toBe(1);
      expect([200, 201]).toContain(answers[0]?.status);
      // The later requests first got a conflict; no header of that answer is left.
      for (const { headers: received } of answers) {
        expect(received.get('Content-Type')).toBe('application/json');
        expect(received.get('Retry-After')).toBeNull();
      }
      expect(await eventsSince(before)).toBe(1);
    },
  );
});

describe('a request with an Idempotency-Key', () => {
  test('whose answer was lost after the write is applied once, and a repeat gets the answer with the secret', async () => {
    const [body, headers] = [{ ...clientBody(), grants: grants() }, fresh()];
    let lost = 0;
    const response = await withFault(
      'd1',
      async (call, sql) => {
        const answer = await call();
        if (!/insert into "audit_events"/i.test(sql)) return answer;
        lost++;
        throw new Error('Network connection lost.');
      },
      () => api('POST', 'clients', { body, headers }),
    );
    await problemOf(response, 503);
    expect(response.headers.get('Retry-After')).toBe('2');
    expect(lost).toBe(1);
    const rows = await everyRow();
    const client = await done<Credentials>('POST', 'clients', { body, headers });
    expect(await everyRow()).toEqual(rows);
    expect(await rowsOf('SELECT 1 FROM clients WHERE client_name = ?', body.client_name)).toHaveLength(1);
    expect((await requestToken(client)).status).toBe(200);
  });

  test('whose pushes fail succeeds only when a repeat has delivered them', async () => {
    const client = await newClient();
    await getToken(client);
    const path = `clients/${client.client_id}/secrets/rotate`;
    const headers = fresh();
    await failing(`gate:${client.client_id}`, async () => {
      await problemOf(await api('POST', path, { headers }), 503);
      await problemOf(await api('POST', path, { headers }), 503);
    });
    const owed = () => rowsOf('SELECT 1 FROM gate_pushes WHERE client_id = ?', client.client_id);
    expect(await owed()).toHaveLength(1);
    const { client_secret } = await done<{ client_secret: string }>('POST', path, { headers });
    expect(await owed()).toHaveLength(0);
    expect((await requestToken({ ...client, client_secret })).status).toBe(200);
    expect(await rowsOf('SELECT 1 FROM client_secrets WHERE client_id = ?', client.client_id)).toHaveLength(2);
  });

  test.each([
    ['another body', 'clients', { ...clientBody(), client_name: 'another' }],
    ['another path', 'roles', undefined],
  ])('that was used before with %s is refused, and writes nothing', async (_, path, other) => {
    const [body, headers] = [clientBody(), fresh()];
    await done('POST', 'clients', { body, headers });
    const before = await everyRow();
    const response = await api('POST', path, { body: other ?? body, headers });
    expect(await pointedAt(response)).toEqual(['Idempotency-Key']);
    const query = await api('POST', 'clients?more=1', { body, headers });
    expect(await pointedAt(query)).toEqual(['Idempotency-Key']);
    expect(await everyRow()).toEqual(before);
  });

  test('is independent of the same key of another administrator', async () => {
    const headers = fresh();
    const keys = [await keyWith(organization, API_KEY_SCOPES), await keyWith(organization, API_KEY_SCOPES)];
    const stranger = (await create('organizations', { name: name() })).id ?? '';
    keys.push(await keyWith(stranger, API_KEY_SCOPES));
    const body = { name: name(), scopes: ['clients:read'] };
    const own = await done<{ api_key: string }>('POST', 'api-keys', { body, headers, key: keys[0] as string });
    // The name is taken, so this request gets a conflict, and not the secret of the other key.
    const colleague = await api('POST', 'api-keys', { body, headers, key: keys[1] as string });
    expect(JSON.stringify(await problemOf(colleague, 409))).not.toContain(own.api_key);
    const theirs = await done<{ api_key: string }>('POST', 'api-keys', { body, headers, key: keys[2] as string });
    expect(theirs.api_key).not.toBe(own.api_key);
    const root = await done<{ api_key: string }>('POST', 'api-keys', {
      body: { ...body, name: name(), organization_id: organization },
      headers,
    });
    expect(root.api_key).not.toBe(own.api_key);
    expect(await done('POST', 'api-keys', { body, headers, key: keys[0] as string })).toEqual(own);
  });

  test('requires a valid API key for a repeat, too', async () => {
    const key = await keyWith(organization, API_KEY_SCOPES);
    const [body, headers] = [{ client_name: name() }, fresh()];
    await done('POST', 'clients', { body, headers, key });
    await env.DB.prepare('UPDATE api_keys SET expires_at = 1 WHERE hint = ?').bind(key.slice(-4)).run();
    await problemOf(await api('POST', 'clients', { body, headers, key }), 401);
  });

  test('whose request failed can be retried with other content', async () => {
    const [body, headers] = [clientBody(), fresh()];
    const { id } = await create('organizations', { name: name() });
    await done('PATCH', `organizations/${id}`, { body: { name: `${name()} x` } });
    const taken = await newClient();
    const [{ client_name = '' } = {}] = await rowsOf<{ client_name: string }>(
      'SELECT client_name FROM clients WHERE client_id = ?',
      taken.client_id,
    );
    const twin = { ...body, client_name };
    await problemOf(await api('POST', 'clients', { body: twin, headers }), 409);
    await done('DELETE', `clients/${taken.client_id}`);
    await done('POST', 'clients', { body: twin, headers });

    const other = fresh();
    await failing('d1', async () => problemOf(await api('POST', 'clients', { body, headers: other }), 503));
    await problemOf(await api('POST', 'clients', { body: { client_name: 7 }, headers: other }), 422);
    expect((await api('POST', 'clients', { body, headers: other })).status).toBe(201);
  });

  test('expires after a day: then the key is for a new request', async () => {
    const start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: start });
    const headers = fresh();
    const { path } = { path: `organizations/${organization}/revoke-tokens` };
    const replayed = async () => (await api('POST', path, { headers })).headers.get('Idempotent-Replayed');
    expect(await replayed()).toBeNull();
    vi.setSystemTime(start + 86_399_000);
    expect(await replayed()).toBe('true');
    vi.setSystemTime(start + 86_401_000);
    expect(await replayed()).toBeNull();
    expect(await replayed()).toBe('true');
    const kept = await rowsOf('SELECT created_at FROM idempotency_keys WHERE key = ?', headers['Idempotency-Key']);
    expect(kept).toEqual([{ created_at: start + 86_401_000 }]);
  });

  test('stores no secret in plain text', async () => {
    const headers = fresh();
    const { client_secret } = await done<Credentials>('POST', 'clients', { body: clientBody(), headers });
    const { api_key } = await done<{ api_key: string }>('POST', 'api-keys', {
      body: { organization_id: organization, name: name(), scopes: ['clients:read'] },
      headers: fresh(),
    });
    expect(client_secret).toMatch(/^ems_/);
    const everything = JSON.stringify(await everyRow());
    expect(everything).toContain(headers['Idempotency-Key']);
    const sealed = await rowsOf<{ sealed_body: string }>('SELECT sealed_body FROM idempotency_keys');
    const opened = sealed.flatMap(({ sealed_body }) =>
      sealed_body.split('.').map((part) => new TextDecoder().decode(base64url.decode(part))),
    );
    expect(opened.some((part) => part.includes('A256GCM'))).toBe(true);
    for (const secret of [client_secret, api_key]) {
      expect(everything).not.toContain(secret);
      expect(opened.some((part) => part.includes(secret))).toBe(false);
    }
  });

  test('stores no digest from which a secret in its body could be guessed', async () => {
    const headers = fresh();
    const client_id = crypto.randomUUID();
    const body = {
      ...clientBody(),
      client_id,
      client_secret: base64url.encode(crypto.getRandomValues(new Uint8Array(32))),
    };
    await done('POST', 'clients', { body, headers });
    const found = await rowsOf<{ fingerprint: string }>(
      'SELECT fingerprint FROM idempotency_keys WHERE key = ?',
      headers['Idempotency-Key'],
    );
    const text = `POST /v1/clients\n${JSON.stringify(body)}`;
    // The fingerprint is an HMAC under this service's key. Under another key, or without one, it differs.
    expect(found).toEqual([{ fingerprint: await hashOf(text) }]);
    const others = await deriveMasterKeys(readConfig({ ...env, MASTER_KEY: 'A'.repeat(43) }).masterKeys);
    const [digest = ''] = found.map(({ fingerprint }) => fingerprint.split('.').at(-1));
    expect((await hashSecret(new Redacted(text), others)).endsWith(digest)).toBe(false);
    const plain = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
    expect([base64url.encode(plain), plain.toHex(), plain.toBase64()]).not.toContain(digest);
  });

  test('is recognized under the next MASTER_KEY, and so is a different body', async () => {
    const [body, headers] = [clientBody(), fresh()];
    const made = await done<Credentials>('POST', 'clients', { body, headers });
    const next = { ...env, MASTER_KEY: `${'B'.repeat(42)}A,${env.MASTER_KEY}` };
    const again = (sent: object) =>
      worker.fetch(
        new Request('https://auth.example.com/v1/clients', {
          method: 'POST',
          headers: { ...headers, Authorization: `Bearer ${env.ROOT_API_KEY}`, 'Content-Type': 'application/json' },
          body: JSON.stringify(sent),
        }),
        next,
        createExecutionContext(),
      );
    const answer = await again(body);
    expect(answer.headers.get('Idempotent-Replayed')).toBe('true');
    expect(await answer.json()).toEqual(made);
    expect(await pointedAt(await again({ ...body, client_name: 'another' }))).toEqual(['Idempotency-Key']);
  });

  test.each(['', 'a'.repeat(256), 'a b', 'ä', 'a\tb'])(
    'of the form %j is refused, or cannot be sent',
    async (value) => {
      const body = clientBody();
      let response: Response;
      try {
        response = await api('POST', 'clients', { body, headers: { 'Idempotency-Key': value } });
      } catch {
        return; // The header cannot be sent.
      }
      // An empty header may be dropped on the way.
      if (value === '' && response.status === 201) return;
      expect(await pointedAt(response)).toEqual(['Idempotency-Key']);
    },
  );

  test('does not bypass the checks of the body', async () => {
    const send = (type: string | undefined, body: string) =>
      api('POST', 'clients', {
        headers: { ...fresh(), ...(type && { 'Content-Type': type }) },
        body: JSON.parse(body),
      });
    await problemOf(await send('text/plain', '{"client_name":"x"}'), 415);
    await problemOf(await send('application/json', '{"client_name":7}'), 422);
  });

  test('of 255 visible characters is accepted', async () => {
    const headers = { 'Idempotency-Key': `${'~!'.repeat(127)}x` };
    const [body] = [clientBody()];
    expect(await done('POST', 'clients', { body, headers })).toEqual(await done('POST', 'clients', { body, headers }));
  });
});
