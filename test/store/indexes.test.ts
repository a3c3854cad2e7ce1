import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { api, create, createClient, done, getToken, introspect, postForm, revoke, send, world } from '../http.ts';
import { failing, preparedStatements } from '../instruments.ts';
import { MOUNTED, ROUTES } from '../management/every-route.ts';
import worker from '../worker.ts';

// Tables of one row, or of a handful that are always wanted whole.
const READ_WHOLE = [
  'version_sequence',
  'signing_keys',
  'revoked_signing_keys',
  'retired_master_keys',
  'background_tasks',
];
// A bound list, unfolded: as long as the request, or the page, that it comes from.
const LISTS = /^SCAN (json_each|granted|scope)\b/;
// What a subquery has found, each row of it by an index.
const FOUND = /^SCAN \(subquery-\d+\)$/;

/** A page that is read in the order of an index, no further than its limit. */
function isPage(detail: string, sql: string): boolean {
  return detail === 'SCAN organizations USING INDEX organizations_name' && sql.endsWith('limit ?');
}

/** Makes every request that there is, so that every statement is prepared. */
beforeAll(async () => {
  const {
    worker: client,
    api: caller,
    organization,
    identifier,
    server,
  } = await world('indexed', { claims: { tier: 1 } });
  await send('/.well-known/jwks.json');
  const owned = { organization_id: organization };
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  const role = await create('roles', { ...owned, name: 'indexed', grants });
  await create('roles', { name: 'shared' });
  const holder = await createClient({ ...owned, client_name: 'with roles', roles: ['indexed', 'shared'] });
  const { api_key } = await create('api-keys', { ...owned, name: 'indexed', scopes: ['tokens:introspect'] });
  const { access_token } = await getToken(client);
  await getToken(holder);
  await introspect(caller, access_token);
  await postForm('/oauth2/introspect', { token: access_token }, { headers: { Authorization: `Bearer ${api_key}` } });
  await revoke(client, access_token);

  for (const [route, { call }] of Object.entries(ROUTES)) {
    const { path, body } = await call(organization);
    const [method = ''] = route.split(' ');
    const headers = { 'Idempotency-Key': crypto.randomUUID() };
    expect((await api(method, path, { body, headers })).ok, route).toBe(true);
    if (method === 'POST') expect((await api(method, path, { body, headers })).ok, route).toBe(true);
  }
  const lists = [...MOUNTED]
    .filter((route) => ROUTES[route] && /^GET \/[a-z-]+$/.test(route))
    .map((route) => route.slice(5));
  expect(lists.length).toBeGreaterThan(5);
  const time = new Date().toISOString();
  const cursors = ['["a"]', '[1,"a"]', '[1]'].map((keys) => btoa(keys).replaceAll('=', ''));
  const filters = [
    {},
    { name: 'w' },
    { status: 'active' },
    { role: 'indexed' },
    { resource_server: identifier },
    { name: 'w', status: 'active', role: 'indexed', resource_server: identifier },
    { actor: 'root' },
    { target: holder.client_id },
    { action: 'client.created' },
    { from: time },
    { to: time },
    { actor: 'root', target: holder.client_id, action: 'client.created', from: time, to: time },
  ];
  for (const path of [...lists, `clients/${holder.client_id}/usage`]) {
    for (const filter of filters) {
      for (const whose of [{}, owned]) {
        for (const cursor of [undefined, ...cursors]) {
          const query = new URLSearchParams({ ...filter, ...whose, ...(cursor !== undefined && { cursor }) });
          // Not every list takes every one of these.
          expect((await api('GET', `${path}?${query}`)).status).not.toBe(503);
        }
      }
    }
  }

  // Writes that touch gates, with what they would orphan told of and gone, and what they owe delivered late.
  await done('PATCH', `organizations/${organization}`, { body: { subject: 'organization' } });
  await done('PATCH', `organizations/${organization}`, { body: { metadata: { a: 'b' } } });
  await done('PATCH', `roles/${role.id}`, { body: { name: 'renamed' } });
  await done('PATCH', `roles/${role.id}`, { body: { description: 'Other.' } });
  await failing('gate', () => api('PATCH', `clients/${holder.client_id}`, { body: { metadata: { a: 'b' } } }));
  await worker.scheduled(createScheduledController(), env);
  await getToken(client);
  await api('PATCH', `resource-servers/${server.id}`, { body: { scopes: [] } });
  await done('PATCH', `resource-servers/${server.id}?cascade=true`, { body: { scopes: [] } });
  for (const path of [`roles/${role.id}`, `resource-servers/${server.id}`, `organizations/${organization}`]) {
    if (!path.startsWith('org')) await create('clients', { ...owned, client_name: path, roles: ['shared'] });
    await api('DELETE', path);
    await done('DELETE', `${path}?cascade=true`);
    await api('DELETE', path);
  }

  const { organization: other } = await world('indexed-again');
  const rotating = await createClient({ organization_id: other, client_name: 'rotating', may_rotate_secret: true });
  const form = { client_id: rotating.client_id, client_secret: rotating.client_secret, grace_seconds: '300' };
  expect((await postForm('/oauth2/rotate-secret', form)).status).toBe(200);
  await done('POST', 'leaked-secrets', { body: { secret: rotating.client_secret }, key: null });
  const leaked = await create('api-keys', { organization_id: other, name: 'leaked', scopes: ['clients:read'] });
  await done('POST', 'leaked-secrets', { body: { secret: leaked.api_key }, key: null });
});

test('no query that runs scans a table that grows', async () => {
  expect(preparedStatements.size).toBeGreaterThan(100);
  const unwanted: string[] = [];
  for (const sql of preparedStatements) {
    const parameters = Array<null>(sql.split('?').length - 1).fill(null);
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...parameters)
      .all<{ detail: string }>();
    for (const { detail } of plan.results) {
      if (!/^SCAN (?!CONSTANT)/.test(detail) || LISTS.test(detail) || FOUND.test(detail)) continue;
      if (isPage(detail, sql)) continue;
      if (!READ_WHOLE.some((table) => detail.startsWith(`SCAN ${table}`))) unwanted.push(`${detail}: ${sql}`);
    }
  }
  expect(unwanted).toEqual([]);
});

test('an organization’s events by one actor are found in the organization’s own, however much that actor does elsewhere', async () => {
  const pages = [...preparedStatements].filter(
    (sql) => /from "audit_events" where .*"organization_id" = \?.*"actor" = \?/s.test(sql) && /limit \?$/.test(sql),
  );
  expect(pages.length).toBeGreaterThan(1);
  for (const sql of pages) {
    const parameters = Array<null>(sql.split('?').length - 1).fill(null);
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...parameters)
      .all<{ detail: string }>();
    const [{ detail } = { detail: '' }] = plan.results;
    // Beside a target, whose events are few, either will do.
    expect(detail, sql).toMatch(
      sql.includes('"target" = ?')
        ? /audit_events_(target|organization)/
        : /audit_events_organization \(organization_id=\?/,
    );
  }
});
