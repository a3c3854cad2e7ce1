import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { API_KEY_SCOPES } from '../../src/management/http/authorization.ts';
import { management } from '../../src/management/index.ts';
import { readConfig } from '../../src/platform/config.ts';
import { createServices } from '../../src/services.ts';
import { api, type Credentials, create, createClient, done, getToken, postForm, send } from '../http.ts';
import { calls, failing, withFault } from '../instruments.ts';
import { applyLeastPrivilege } from './every-route.ts';
import { everyRow, keyWith, pointedAt, rowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';

interface Event {
  readonly id: string;
  readonly at: string;
  readonly organization_id: string | null;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly address: string;
  readonly changes: Record<string, unknown>;
  readonly request_id: string | null;
}

interface Page {
  readonly data: Event[];
  readonly next_cursor: string | null;
}

let organization: string;
let key: string;
let keyId: string;
let counter = 0;
const name = () => `audited ${++counter}`;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  key = await keyWith(organization, API_KEY_SCOPES);
  keyId = String((await rowsOf('SELECT id FROM api_keys WHERE hint = ?', key.slice(-4)))[0]?.id);
  await send('/.well-known/jwks.json');
});

afterEach(() => {
  vi.useRealTimers();
});

const list = (query: Record<string, string> = {}, by?: string) =>
  done<Page>('GET', `audit-events?${new URLSearchParams(query)}`, by === undefined ? {} : { key: by });

const newServer = () =>
  create('resource-servers', {
    organization_id: organization,
    identifier: `https://${crypto.randomUUID()}.example`,
    name: name(),
    scopes: [{ name: 'read' }],
  });
const newClient = (more: object = {}) => createClient({ organization_id: organization, client_name: name(), ...more });
const newRole = () => create('roles', { organization_id: organization, name: name() });
const webhookFields = () => ({ name: name(), url: 'https://hooks.example.com/in', events: ['client.created'] });
const newApiKey = () =>
  create<Record<string, string>>('api-keys', { organization_id: organization, name: name(), scopes: ['clients:read'] });
const newWebhook = () => create('webhooks', { organization_id: organization, ...webhookFields() });
const newOrganization = () => create('organizations', { name: name() });

async function secondaryOf(client: string): Promise<string> {
  await done('POST', `clients/${client}/secrets/rotate`);
  const found = await rowsOf("SELECT id FROM client_secrets WHERE client_id = ? AND rank = 'secondary'", client);
  return String(found[0]?.id);
}

interface Write {
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string> | undefined;
  /** The expected target, if it is not the created resource. */
  readonly target?: string | undefined;
  readonly changes: Record<string, unknown>;
  readonly organization?: string | null | undefined;
  /** The actions of the events about what is removed with the target. */
  readonly cascade?: readonly string[];
  /** A text that the event must not contain. */
  readonly secret?: string;
}

const any = (pattern: string) => expect.stringMatching(new RegExp(`^${pattern}`));
const SECRET = { secret: any('sec_'), hint: any('.{4}$') };

const WRITES: Readonly<Record<string, [action: string, prepare: () => Promise<Write> | Write]>> = {
  'POST /organizations': [
    'organization.created',
    () => {
      const body = { name: name(), metadata: { plan: 'gold' } };
      return {
        path: 'organizations',
        body,
        changes: {
          ...body,
          subject: 'client',
          status: 'active',
          security_profile: 'standard',
          unused_clients: null,
          quota: null,
        },
      };
    },
  ],
  'PATCH /organizations/{id}': [
    'organization.updated',
    async () => {
      const { id } = await newOrganization();
      const body = { subject: 'organization', status: 'active' };
      return { path: `organizations/${id}`, body, target: id, organization: id, changes: { subject: 'organization' } };
    },
  ],
  'DELETE /organizations/{id}': [
    'organization.deleted',
    async () => {
      const { id, name } = await newOrganization();
      return { path: `organizations/${id}`, target: id, organization: id, changes: { name } };
    },
  ],
  'POST /organizations/{id}/revoke-tokens': [
    'organization.tokens_revoked',
    () => ({ path: `organizations/${organization}/revoke-tokens`, target: organization, organization, changes: {} }),
  ],
  'POST /api-keys': [
    'api_key.created',
    () => {
      const fields = { name: name(), scopes: ['clients:read'], expires_at: null };
      return { path: 'api-keys', body: { ...fields, organization_id: organization }, organization, changes: fields };
    },
  ],
  'DELETE /api-keys/{id}': [
    'api_key.deleted',
    async () => {
      const body = { organization_id: organization, name: name(), scopes: ['clients:read'] };
      const { id, api_key } = await create('api-keys', body);
      const secret = api_key ?? '';
      return { path: `api-keys/${id}`, target: id, organization, changes: { name: body.name }, secret };
    },
  ],
  'POST /api-keys/{id}/rotate': [
    'api_key.rotated',
    async () => {
      const { id, hint, api_key } = await newApiKey();
      const changes = { hint: any('.{4}$'), secondary: { hint, expires_at: null } };
      return { path: `api-keys/${id}/rotate`, target: id, organization, changes, secret: api_key ?? '' };
    },
  ],
  'DELETE /api-keys/{id}/secondary': [
    'api_key.secondary_deleted',
    async () => {
      const { id, hint } = await newApiKey();
      await done('POST', `api-keys/${id}/rotate`);
      return { path: `api-keys/${id}/secondary`, target: id, organization, changes: { hint } };
    },
  ],
  'POST /resource-servers': [
    'resource_server.created',
    () => {
      const fields = { identifier: `https://${crypto.randomUUID()}.example`, name: name() };
      const defaults = {
        scopes: [],
        access_token_ttl: null,
        signing_alg: 'ES256',
        access_token_typ: 'at+jwt',
        introspection: 'strong',
        scope_policy: 'exact',
        accepted_claims: [],
      };
      return { path: 'resource-servers', body: fields, organization: null, changes: { ...fields, ...defaults } };
    },
  ],
  'PATCH /resource-servers/{id}': [
    'resource_server.updated',
    async () => {
      const { id } = await newServer();
      const scopes = [{ name: 'read' }, { name: 'write', description: 'New.' }];
      const body = { scopes, signing_alg: 'ES256', access_token_ttl: 60 };
      const changes = { scopes: [{ name: 'read', description: '' }, scopes[1]], access_token_ttl: 60 };
      return { path: `resource-servers/${id}`, body, target: id, organization, changes };
    },
  ],
  'DELETE /resource-servers/{id}': [
    'resource_server.deleted',
    async () => {
      const { id, identifier } = await newServer();
      return { path: `resource-servers/${id}`, target: id, organization, changes: { identifier, scopes: ['read'] } };
    },
  ],
  'POST /roles': [
    'role.created',
    async () => {
      const server = await newServer();
      const fields = { name: name(), description: 'Reads.' };
      const grants = (resource_server: unknown) => [{ resource_server, scopes: ['read'] }];
      const body = { ...fields, grants: grants(server.id), organization_id: organization };
      return { path: 'roles', body, organization, changes: { ...fields, grants: grants(server.identifier) } };
    },
  ],
  'PATCH /roles/{id}': [
    'role.updated',
    async () => {
      const { id, name } = await newRole();
      const body = { name, description: 'Other.' };
      return { path: `roles/${id}`, body, target: id, organization, changes: { description: 'Other.' } };
    },
  ],
  'DELETE /roles/{id}': [
    'role.deleted',
    async () => {
      const { id, name } = await newRole();
      return { path: `roles/${id}`, target: id, organization, changes: { name } };
    },
  ],
  'POST /clients': [
    'client.created',
    () => {
      const secret = 'Zq8~kP2vX9wLr4TnB7mYc3HdJ6fGsA1eUo5iKx0Q';
      const fields = { client_name: name(), metadata: { a: 'b' } };
      const imported = { client_id: crypto.randomUUID(), client_secret: secret };
      const changes = expect.objectContaining({ ...fields, status: 'active', roles: [] }) as Record<string, unknown>;
      return {
        path: 'clients',
        body: { ...fields, ...imported, organization_id: organization },
        organization,
        changes,
        secret,
      };
    },
  ],
  'PATCH /clients/{client_id}': [
    'client.updated',
    async () => {
      const { client_id, client_secret } = await newClient({ rate_limit: { per_minute: 5, burst: 5 } });
      const body = { rate_limit: { burst: 6 }, status: 'active', metadata: { x: 'y' } };
      const changes = { rate_limit: { per_minute: 5, burst: 6 }, metadata: { x: 'y' } };
      return { path: `clients/${client_id}`, body, target: client_id, organization, changes, secret: client_secret };
    },
  ],
  'DELETE /clients/{client_id}': [
    'client.deleted',
    async () => {
      const client_name = name();
      const { client_id } = await newClient({ client_name });
      return {
        path: `clients/${client_id}`,
        target: client_id,
        organization,
        changes: { client_name },
        cascade: ['client.secret_deleted'],
      };
    },
  ],
  'POST /clients/{client_id}/revoke-tokens': [
    'client.tokens_revoked',
    async () => {
      const { client_id } = await newClient();
      return { path: `clients/${client_id}/revoke-tokens`, target: client_id, organization, changes: {} };
    },
  ],
  'POST /clients/{client_id}/least-privilege/apply': [
    'client.updated',
    async () => {
      const { path, body, headers } = await applyLeastPrivilege(organization);
      const [, target] = path.split('/');
      return { path, body, headers, target, organization, changes: { grants: [] } };
    },
  ],
  'POST /clients/{client_id}/secrets/rotate': [
    'client.secret_rotated',
    async () => {
      const { client_id } = await newClient();
      const body = { grace_seconds: 60 };
      const path = `clients/${client_id}/secrets/rotate`;
      return { path, body, target: client_id, organization, changes: { ...SECRET, grace_seconds: 60 } };
    },
  ],
  'POST /clients/{client_id}/secrets/{id}/promote': [
    'client.secret_promoted',
    async () => {
      const { client_id } = await newClient();
      const path = `clients/${client_id}/secrets/${await secondaryOf(client_id)}/promote`;
      return { path, target: client_id, organization, changes: SECRET };
    },
  ],
  'DELETE /clients/{client_id}/secrets/{id}': [
    'client.secret_deleted',
    async () => {
      const { client_id } = await newClient();
      const path = `clients/${client_id}/secrets/${await secondaryOf(client_id)}`;
      return { path, target: client_id, organization, changes: SECRET };
    },
  ],
  'POST /tokens/revoke': [
    'token.revoked',
    async () => {
      const server = await newServer();
      const client = await newClient({ grants: [{ resource_server: server.id, scopes: ['read'] }] });
      const { access_token } = await getToken(client);
      const changes = { jti: any('.+'), expires_at: any('20') };
      const body = { token: access_token };
      return { path: 'tokens/revoke', body, target: client.client_id, organization, changes, secret: access_token };
    },
  ],
  'POST /signing-keys/rotate': [
    'signing_keys.rotated',
    async () => {
      await env.DB.prepare('UPDATE signing_keys SET created_at = 0, signs_from = 0').run();
      const [next] = await rowsOf<{ kid: string }>(
        "SELECT kid FROM signing_keys WHERE alg = 'ES256' AND status = 'next'",
      );
      const changes = { active: [next?.kid], retiring: [any('.+')] };
      return { path: 'signing-keys/rotate', body: { alg: 'ES256' }, target: next?.kid, organization: null, changes };
    },
  ],
  'POST /master-keys/reseal': [
    'master_key.resealed',
    async () => {
      const target = (await deriveMasterKeys(readConfig(env).masterKeys))[0].id;
      return { path: 'master-keys/reseal', target, organization: null, changes: { signing_keys: [], retired: [] } };
    },
  ],
  'POST /console-links': [
    'console_link.created',
    () => ({ path: 'console-links', organization: null, changes: { expires_at: any('2') } }),
  ],
  'POST /portal-links': [
    'portal_link.created',
    () => {
      const fields = { scopes: ['clients:read'], return_url: 'https://app.example.com/', name: name() };
      const changes = { ...fields, expires_at: any('2') };
      return { path: 'portal-links', body: { organization_id: organization, ...fields }, changes, organization };
    },
  ],
  'POST /webhooks': [
    'webhook.created',
    () => {
      const fields = webhookFields();
      const body = { organization_id: organization, ...fields };
      const changes = { description: '', status: 'active', ...fields };
      return { path: 'webhooks', body, organization, changes };
    },
  ],
  'PATCH /webhooks/{id}': [
    'webhook.updated',
    async () => {
      const { id } = await newWebhook();
      const body = { events: null, status: 'disabled' };
      return { path: `webhooks/${id}`, body, target: id, organization, changes: body };
    },
  ],
  'DELETE /webhooks/{id}': [
    'webhook.deleted',
    async () => {
      const { id, name } = await newWebhook();
      return { path: `webhooks/${id}`, target: id, organization, changes: { name } };
    },
  ],
  'POST /webhooks/{id}/rotate-secret': [
    'webhook.secret_rotated',
    async () => {
      const { id, signing_secret } = await newWebhook();
      const changes = { hint: any('.{4}$'), grace_seconds: 60 };
      const path = `webhooks/${id}/rotate-secret`;
      return { path, body: { grace_seconds: 60 }, organization, changes, secret: signing_secret ?? '' };
    },
  ],
  'POST /webhooks/{id}/test': [
    'webhook.tested',
    async () => {
      const { id, name } = await newWebhook();
      return { path: `webhooks/${id}/test`, target: id, organization, changes: { name } };
    },
  ],
  'POST /webhooks/{id}/deliveries/{event_id}/redeliver': [
    'webhook.redelivered',
    async () => {
      const { id } = await newWebhook();
      const { event_id } = await done<{ event_id: string }>('POST', `webhooks/${id}/test`);
      const path = `webhooks/${id}/deliveries/${event_id}/redeliver`;
      return { path, target: id, organization, changes: { event_id } };
    },
  ],
  'POST /leaked-secrets': [
    'client.secret_leaked',
    async () => {
      const { client_id, client_secret } = await newClient();
      const body = { secret: client_secret };
      return { path: 'leaked-secrets', body, target: client_id, organization, changes: SECRET, secret: client_secret };
    },
  ],
};

describe('every write', () => {
  test('is in the table of this file', () => {
    const mounted = management(createServices(env)).routes.filter(({ method }) => !['ALL', 'GET'].includes(method));
    const routes = mounted.map(
      ({ method, path }) => `${method} ${path.replace(/^\/v1/, '').replace(/:(\w+)/g, '{$1}')}`,
    );
    expect(new Set(routes)).toEqual(new Set(Object.keys(WRITES)));
  });

  test.each(Object.keys(WRITES))(
    '%s leaves one event with actor, action, target and address, and without secrets',
    async (route) => {
      const [action, prepare] = WRITES[route] as NonNullable<(typeof WRITES)[string]>;
      const write = await prepare();
      const [method = ''] = route.split(' ');
      const before = new Set((await rowsOf<{ id: string }>('SELECT id FROM audit_events')).map(({ id }) => id));
      const earliest = Date.now();
      const isPublic = route === 'POST /leaked-secrets';
      const response = await api(method, write.path, {
        body: write.body,
        ...(write.headers && { headers: write.headers }),
        address: '2001:db8:1:2:3:4:5:6',
        ...(isPublic && { key: null }),
      });
      const answer = response.status === 204 ? {} : await response.json<Record<string, string>>();
      expect([200, 201, 204], JSON.stringify(answer)).toContain(response.status);

      const added = (await list({ limit: '20' })).data.filter(({ id }) => !before.has(id));
      const events = added.filter(({ changes }) => changes.cascade_of === undefined);
      expect(added.filter((event) => !events.includes(event)).map((event) => event.action)).toEqual(
        write.cascade ?? [],
      );
      const target = write.target ?? answer.id ?? answer.client_id;
      expect(events).toEqual([
        {
          id: any('evt_'),
          at: any('20'),
          organization_id: write.organization === undefined ? target : write.organization,
          actor: isPublic ? 'leak-report' : 'root',
          action,
          target,
          // IPv6 addresses are reduced to their network.
          address: '2001:db8:1:2::/64',
          changes: write.changes,
          request_id: response.headers.get('X-Request-Id'),
        },
      ]);
      const at = Date.parse(events[0]?.at ?? '');
      expect(at >= earliest && at <= Date.now()).toBe(true);
      const stored = JSON.stringify(await rowsOf('SELECT * FROM audit_events WHERE id = ?', events[0]?.id));
      for (const secret of [
        write.secret,
        answer.client_secret,
        answer.api_key,
        answer.signing_secret,
        answer.url?.split('#')[1],
        key,
        env.ROOT_API_KEY,
      ]) {
        if (secret !== undefined) expect(stored).not.toContain(secret);
      }
      const hashes = await rowsOf<{ hash: string }>(
        'SELECT hash FROM client_secrets UNION SELECT hash FROM api_keys UNION SELECT secondary_hash FROM api_keys WHERE secondary_hash IS NOT NULL',
      );
      for (const { hash } of hashes) expect(stored).not.toContain(hash);
    },
  );

  test('names the API key or client as its actor', async () => {
    const { client_id } = await create<Credentials>('clients', { client_name: name() }, key);
    expect((await list({ target: client_id })).data).toMatchObject([{ actor: keyId, action: 'client.created' }]);
    const rotating = await newClient({ may_rotate_secret: true });
    const form = { client_id: rotating.client_id, client_secret: rotating.client_secret };
    expect((await postForm('/oauth2/rotate-secret', form, { address: '192.0.2.9' })).status).toBe(200);
    expect((await list({ target: rotating.client_id })).data[0]).toMatchObject({
      actor: rotating.client_id,
      action: 'client.secret_rotated',
      address: '192.0.2.9',
    });
  });

  test('that is refused, or changes nothing, leaves no event', async () => {
    const { id } = await newRole();
    const before = await everyRow();
    for (const [method, path, body] of [
      ['POST', 'roles', { name: 7 }],
      ['PATCH', `roles/${id}`, { nonsense: 1 }],
      ['DELETE', 'roles/role_none', undefined],
      ['POST', 'leaked-secrets', { secret: 'no secret of ours' }],
    ] as const) {
      expect((await api(method, path, { body })).ok).toBe(false);
    }
    expect(await everyRow()).toEqual(before);
  });
});

describe('a cascade', () => {
  const eventsOf = async (response: Response) => {
    expect([200, 204]).toContain(response.status);
    const found = await list({ request_id: response.headers.get('X-Request-Id') ?? '', limit: '100' });
    return found.data.map(({ action, target, changes, organization_id, actor }) => ({
      action,
      target,
      changes,
      organization_id,
      actor,
    }));
  };
  const remove = async (path: string) => eventsOf(await api('DELETE', `${path}?cascade=true`));

  test('of an organization leaves one event for each thing that it removes', async () => {
    const own = (await newOrganization()).id ?? '';
    const of = { organization_id: own };
    const identifier = `https://${crypto.randomUUID()}.example`;
    const server = await create('resource-servers', { ...of, identifier, name: name(), scopes: [{ name: 'read' }] });
    const grants = [{ resource_server: identifier, scopes: ['read'] }];
    const role = await create('roles', { ...of, name: 'reader', grants });
    const client = await createClient({ ...of, client_name: 'worker', roles: ['reader'], grants });
    const rotated = await done<{ id: string; hint: string }>('POST', `clients/${client.client_id}/secrets/rotate`);
    const apiKey = await create('api-keys', { ...of, name: 'pipeline', scopes: ['clients:read'] });
    const webhook = await create('webhooks', { ...of, name: 'hook', url: 'https://hooks.example.com/in' });
    const [cause] = (await list({ target: own })).data;
    const removed = await remove(`organizations/${own}`);
    const [deleted] = (await list({ target: own })).data;
    expect(deleted).toMatchObject({ action: 'organization.deleted' });
    expect(cause?.id).not.toBe(deleted?.id);
    const cascaded = (action: string, target: string | undefined, changes: object) => ({
      action,
      target,
      changes: { ...changes, cascade_of: deleted?.id },
      organization_id: own,
      actor: 'root',
    });
    const secret = { secret: any('sec_'), hint: any('.{4}$') };
    const { name: deletedName } = (deleted?.changes ?? {}) as { name: string };
    expect(removed).toHaveLength(8);
    expect(removed).toEqual(
      expect.arrayContaining([
        { ...cascaded('organization.deleted', own, {}), changes: { name: deletedName } },
        cascaded('client.deleted', client.client_id, { client_name: 'worker' }),
        cascaded('client.secret_deleted', client.client_id, secret),
        cascaded('client.secret_deleted', client.client_id, { secret: rotated.id, hint: rotated.hint }),
        cascaded('role.deleted', role.id, { name: 'reader' }),
        cascaded('resource_server.deleted', server.id, { identifier, scopes: ['read'] }),
        cascaded('api_key.deleted', apiKey.id, { name: 'pipeline' }),
        cascaded('webhook.deleted', webhook.id, { name: 'hook' }),
      ]),
    );
  });

  test('of a role, a resource server or a scope says what it took from whom', async () => {
    const identifier = `https://${crypto.randomUUID()}.example`;
    const scopes = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
    const of = { organization_id: organization };
    const server = await create('resource-servers', { ...of, identifier, name: name(), scopes });
    const granted = (...names: string[]) => [{ resource_server: identifier, scopes: names }];
    const role = await create('roles', { ...of, name: name(), grants: granted('a', 'b') });
    const untouched = await create('roles', { ...of, name: name(), grants: granted('a') });
    const more = {
      roles: [role.name],
      grants: granted('b', 'c'),
      introspects: [identifier],
      default_resource: identifier,
    };
    const { client_id } = await newClient(more);
    const removed = (events: Awaited<ReturnType<typeof eventsOf>>) =>
      events.flatMap(({ action, target, changes }) => (changes.cascade_of ? [[action, target, changes.removed]] : []));

    const patched = await api('PATCH', `resource-servers/${server.id}?cascade=true`, {
      body: { scopes: [{ name: 'a' }, { name: 'c' }] },
    });
    const b = await eventsOf(patched);
    expect(removed(b)).toHaveLength(2);
    expect(removed(b)).toEqual(
      expect.arrayContaining([
        ['client.updated', client_id, { grants: granted('b') }],
        ['role.updated', role.id, { grants: granted('b') }],
      ]),
    );
    expect(removed(await remove(`roles/${role.id}`))).toEqual([['client.updated', client_id, { roles: [role.name] }]]);
    const all = removed(await remove(`resource-servers/${server.id}`));
    expect(all).toHaveLength(2);
    expect(all).toEqual(
      expect.arrayContaining([
        [
          'client.updated',
          client_id,
          { grants: granted('c'), introspects: [identifier], default_resource: identifier },
        ],
        ['role.updated', untouched.id, { grants: granted('a') }],
      ]),
    );
  });

  test('of 500 clients takes as many D1 calls as of one, and webhooks of the instance are owed each event', async () => {
    const remove = async (clients: number) => {
      const { id } = await newOrganization();
      const { client_id } = await createClient({ organization_id: id, client_name: name() });
      const columns = (await rowsOf<{ name: string }>("SELECT name FROM pragma_table_info('clients')")).map(
        (row) => row.name,
      );
      const copied = columns.map((column) => {
        if (column === 'client_id' || column === 'client_name') return `'${crypto.randomUUID()}-' || n`;
        return column === 'folded_name' ? 'NULL' : column;
      });
      await env.DB.prepare(
        `WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
         INSERT INTO clients (${columns}) SELECT ${copied} FROM clients, numbers WHERE client_id = ?2 AND ?1 > 1`,
      )
        .bind(clients, client_id)
        .run();
      const before = calls.d1;
      const response = await api('DELETE', `organizations/${id}?cascade=true`);
      expect(response.status).toBe(204);
      return { calls: calls.d1 - before, request: response.headers.get('X-Request-Id') };
    };
    const one = await remove(1);
    const many = await remove(500);
    expect(many.calls).toBe(one.calls);
    const events = ['client.deleted'];
    const hook = await create('webhooks', { name: name(), url: 'https://hooks.example.com/in', events });
    const told = await remove(500);
    const counted = await rowsOf<{ action: string; events: number; owed: number }>(
      `SELECT action, COUNT(*) AS events, COUNT(event_id) AS owed FROM audit_events
       LEFT JOIN webhook_deliveries ON event_id = id AND webhook_id = '${hook.id}' WHERE request_id = ? GROUP BY action`,
      told.request,
    );
    expect(counted).toEqual([
      { action: 'client.deleted', events: 500, owed: 500 },
      { action: 'client.secret_deleted', events: 1, owed: 0 },
      { action: 'organization.deleted', events: 1, owed: 0 },
    ]);
    await done('DELETE', `webhooks/${hook.id}`);
  });
});

describe('the list', () => {
  test('filters by actor, target, action and time, and by all of them', async () => {
    const start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: start });
    const target = (await newRole()).id ?? '';
    const other = (await newRole()).id ?? '';
    const at = (index: number) => new Date(start + index * 60_000).toISOString();
    for (const [index, by] of [env.ROOT_API_KEY, key, env.ROOT_API_KEY, key].entries()) {
      vi.setSystemTime(start + (index + 1) * 60_000);
      await done('PATCH', `roles/${target}`, { body: { description: `${index}` }, key: by });
      await done('PATCH', `roles/${other}`, { body: { description: `${index}` }, key: by });
    }
    const ofTarget = async (query: Record<string, string>) =>
      (await list({ target, ...query })).data.map(({ at: when }) => (Date.parse(when) - start) / 60_000);
    expect(await ofTarget({})).toEqual([4, 3, 2, 1, 0]);
    expect(await ofTarget({ actor: keyId })).toEqual([4, 2]);
    expect(await ofTarget({ actor: 'root' })).toEqual([3, 1, 0]);
    expect(await ofTarget({ action: 'role.created' })).toEqual([0]);
    expect(await ofTarget({ from: at(2) })).toEqual([4, 3, 2]);
    expect(await ofTarget({ to: at(2) })).toEqual([2, 1, 0]);
    expect(await ofTarget({ from: at(1), to: at(3), actor: keyId, action: 'role.updated' })).toEqual([2]);
    expect(await ofTarget({ from: at(3), to: at(1) })).toEqual([]);
    expect(await ofTarget({ actor: 'nobody' })).toEqual([]);
    const both = (await list({ actor: keyId, action: 'role.updated', from: at(1) })).data;
    expect(both.map(({ target: one }) => one).sort()).toEqual([target, target, other, other].sort());
  });

  test('takes times with any offset, even if the plus sign is not escaped', async () => {
    const { id } = await newRole();
    const minuteAgo = new Date(Date.now() + 14 * 3_600_000 - 60_000).toISOString().replace('Z', '+14:00');
    const target = `audit-events?target=${id}&organization_id=${organization}`;
    for (const from of [encodeURIComponent(minuteAgo), minuteAgo, minuteAgo.toLowerCase()]) {
      expect((await done<Page>('GET', `${target}&from=${from}`)).data).toHaveLength(1);
      expect((await done<Page>('GET', `${target}&to=${from}`)).data).toHaveLength(0);
    }
  });

  test('finds the events of a request by the id in its answer, within the organization', async () => {
    const answer = await api('POST', 'roles', { body: { organization_id: organization, name: name() } });
    const id = answer.headers.get('X-Request-Id') ?? '';
    const { id: role } = await answer.json<{ id: string }>();
    for (const found of [await list({ request_id: id }), await list({ request_id: id, action: 'role.created' }, key)]) {
      expect(found.data).toMatchObject([{ target: role, request_id: id }]);
    }
    const { id: other } = await newOrganization();
    expect((await list({ request_id: id, organization_id: other ?? '' })).data).toEqual([]);
  });

  test.each([
    ['from', 'yesterday'],
    ['from', '2026-02-30T00:00:00Z'],
    ['from', '2026-01-31T12:00:00'],
    ['from', '2026-01-01'],
    ['to', '1767225600'],
    ['to', ''],
    ['actor', 'x'.repeat(201)],
  ])('takes no %s %j', async (parameter, value) => {
    expect(await pointedAt(await api('GET', `audit-events?${new URLSearchParams({ [parameter]: value })}`))).toEqual([
      parameter,
    ]);
  });

  test('shows each event once, newest first, even events of the same moment, while events are added', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const client = await newClient();
    for (let index = 0; index < 6; index++) await done('POST', `clients/${client.client_id}/revoke-tokens`);
    const before = (await list({ target: client.client_id })).data;
    expect(before).toHaveLength(7);
    const seen: Event[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = await list({ target: client.client_id, limit: '2', ...(cursor !== null && { cursor }) });
      seen.push(...page.data);
      cursor = page.next_cursor;
      vi.setSystemTime(Date.now() + 1000);
      await done('POST', `clients/${client.client_id}/revoke-tokens`);
    } while (cursor !== null);
    expect(seen).toEqual(before);
  });

  test('shows an organization its own events, and the root key all of them or those of one organization', async () => {
    const other = (await create('organizations', { name: name() })).id ?? '';
    const shared = await create('roles', { name: name() });
    const own = await newRole();
    const targets = async (query: Record<string, string>, by?: string) =>
      (await list({ limit: '100', ...query }, by)).data.map(({ target }) => target);
    expect(await targets({})).toEqual(expect.arrayContaining([other, shared.id, own.id]));
    for (const found of [await targets({}, key), await targets({ organization_id: organization })]) {
      expect(found).toContain(own.id);
      expect(found).not.toContain(other);
      expect(found).not.toContain(shared.id);
    }
    expect(await targets({ target: other }, key)).toEqual([]);
  });

  test('shows events of deleted resources', async () => {
    const { id } = await newRole();
    await done('DELETE', `roles/${id}`);
    expect((await list({ target: id ?? '' })).data.map(({ action }) => action)).toEqual([
      'role.deleted',
      'role.created',
    ]);
  });
});

describe('the stream', () => {
  const NDJSON = 'application/x-ndjson';
  const open = (query: Record<string, string>, by?: string, accept = NDJSON) =>
    api('GET', `audit-events?${new URLSearchParams(query)}`, {
      headers: { Accept: accept },
      ...(by !== undefined && { key: by }),
    });
  const linesOf = (text: string) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const stream = async (query: Record<string, string>, by?: string) => {
    const answer = await open(query, by);
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, NDJSON]);
    return linesOf(await answer.text());
  };
  /** Inserts events, of which each ten have the same time. @returns their target */
  async function insertEvents(count: number): Promise<string> {
    const target = crypto.randomUUID();
    await env.DB.prepare(
      `WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1 - 1)
       INSERT INTO audit_events SELECT printf('evt_%s_%05d', ?2, n), 1795999469000 + n / 10, ?3, 'root', 'role.updated', ?2, NULL, '{"n":' || n || '}', NULL, NULL
       FROM numbers`,
    )
      .bind(count, target, organization)
      .run();
    return target;
  }
  const until = '2027-01-01T00:00:00Z';

  test('has every event of a range once, oldest first, as the list shows them, and says that it is complete', async () => {
    const target = await insertEvents(5000);
    const events = await stream({ target, to: until });
    expect(events.pop()).toEqual({ complete: true, count: 5000, next_cursor: null });
    expect(events.map(({ changes }) => changes.n)).toEqual(Array.from({ length: 5000 }, (_, n) => n));
    expect(events.slice(0, 3)).toEqual((await stream({ target, to: events[0].at })).slice(0, 3));
    const newest = await list({ target, to: until, limit: '100' });
    expect(events.slice(-100).reverse()).toEqual(newest.data);
    const ranged = await stream({ target, from: events[10].at, to: events[29].at });
    expect(ranged).toEqual([...events.slice(10, 30), { complete: true, count: 20, next_cursor: null }]);
    expect(await stream({ target, action: 'role.created' })).toEqual([{ complete: true, count: 0, next_cursor: null }]);
    const other = await keyWith((await newOrganization()).id ?? '', API_KEY_SCOPES);
    expect(await stream({ target }, other)).toEqual([{ complete: true, count: 0, next_cursor: null }]);
    expect(await stream({ target, to: until }, key)).toHaveLength(5001);
  });

  test('reads the next page only when its reader takes it', async () => {
    const target = await insertEvents(1000);
    const answer = await open({ target, to: until });
    const before = calls.d1;
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.read();
    expect(calls.d1 - before).toBeLessThanOrEqual(3);
    await reader?.cancel();
  });

  test('breaks without its last line if D1 fails in the middle, and is an error if it fails at first', async () => {
    const target = await insertEvents(5000);
    let pages = 0;
    const fault = (call: () => Promise<unknown>, sql: string) =>
      sql.includes('from "audit_events"') && ++pages > 20 ? Promise.reject(new Error('gone')) : call();
    let text = '';
    const read = withFault('d1', fault, async () => {
      const answer = await open({ target, to: until });
      expect(answer.status).toBe(200);
      const decoder = new TextDecoder();
      for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) text += decoder.decode(chunk);
    });
    await expect(read).rejects.toThrow();
    const events = linesOf(text);
    expect(events.map(({ changes }) => changes?.n)).toEqual(Array.from({ length: 2000 }, (_, n) => n));
    expect((await failing('d1', () => open({ target }))).status).toBe(503);
  });

  test('is given to those who ask for it, and has no limit', async () => {
    const target = await insertEvents(1);
    for (const accept of ['*/*', 'application/json', `application/json, ${NDJSON};q=0.9`, `${NDJSON};q=0`, '']) {
      expect((await open({ target }, undefined, accept)).headers.get('Content-Type')).toBe('application/json');
    }
    for (const accept of [`${NDJSON}, application/json`, `text/plain, ${NDJSON}; q=0.5`, NDJSON.toUpperCase()]) {
      expect((await open({ target }, undefined, accept)).headers.get('Content-Type')).toBe(NDJSON);
    }
    expect(await pointedAt(await open({ target, limit: '5' }))).toEqual(['limit']);
    expect(await pointedAt(await open({ target, cursor: 'x' }))).toEqual(['cursor']);
    const powerless = await keyWith(organization, ['clients:read']);
    expect((await open({ target }, powerless)).status).toBe(403);
  });
});

test('events are kept for a year, and other rows for their own retention', async () => {
  const day = 86_400_000;
  const now = Date.now();
  const ages = { audit_events: 365, idempotency_keys: 1, client_usage_days: 32, changes: 7 };
  const insert = {
    audit_events: "INSERT INTO audit_events VALUES (?2, ?1, NULL, 'root', 'x', 'purged', NULL, '{}', NULL, NULL)",
    idempotency_keys: "INSERT INTO idempotency_keys VALUES ('root', ?2, 'purged', 1, 200, '', ?1)",
    client_usage_days: "INSERT INTO client_usage_days VALUES (?2, ?1, '{}')",
    changes: "INSERT INTO changes VALUES (?1, NULL, 'purged', ?2, 501, ?1, 0)",
  };
  const found = {
    audit_events: "SELECT id AS name FROM audit_events WHERE target = 'purged'",
    idempotency_keys: "SELECT key AS name FROM idempotency_keys WHERE fingerprint = 'purged'",
    client_usage_days: "SELECT client_id AS name FROM client_usage_days WHERE counts = '{}'",
    changes: "SELECT target AS name FROM changes WHERE action = 'purged'",
  };
  const table = (name: string) => name as keyof typeof ages;
  for (const [name, age] of Object.entries(ages)) {
    const put = env.DB.prepare(insert[table(name)]);
    await env.DB.batch([
      put.bind(now - age * day - 60_000, 'older'),
      put.bind(now - age * day - 1000, 'old'),
      put.bind(now - age * day + 60_000, 'young'),
    ]);
  }
  await runScheduled(now);
  for (const name of Object.keys(ages)) expect(await rowsOf(found[table(name)]), name).toEqual([{ name: 'young' }]);
  const before = await everyRow();
  await runScheduled(now);
  expect(await everyRow()).toEqual(before);
});
