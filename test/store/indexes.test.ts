import { createScheduledController, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { database } from '../../src/store/database.ts';
import { findFeedServers, readNewestEntries, readOlderEntries } from '../../src/store/live-revocations.ts';
import { flushUsage } from '../../src/store/usage.ts';
import { api, create, createClient, done, getToken, introspect, postForm, revoke, send, world } from '../http.ts';
import { failing, instrument, preparedStatements } from '../instruments.ts';
import { MOUNTED, ROUTES } from '../management/every-route.ts';
import worker from '../worker.ts';

// Tables of one row, or of a few rows that are always read as a whole.
const READ_WHOLE = [
  'version_sequence',
  'signing_keys',
  'revoked_signing_keys',
  'retired_master_keys',
  'background_tasks',
];
// A list in JSON, as long as the request, page or field that it comes from. `json_each` is the only virtual table in use.
const LISTS = /^SCAN \w+ VIRTUAL TABLE INDEX \d+:/;
// The result of a subquery that finds each row by an index.
const FOUND = /^SCAN (\(subquery-\d+\)|due)$/;
// What a flush of usage computes: the counts that it tells, and those of the days that it changes.
const COMPUTED = /^SCAN (told|stored|risen|raised|owners|present|added|summed|counted|ranked|sums)$/;

/** Whether a page is read in the order of an index, up to its limit. */
function isPage(detail: string, sql: string): boolean {
  return detail === 'SCAN organizations USING INDEX organizations_name' && sql.endsWith('limit ?');
}

/** Sends every kind of request, so that every statement is prepared. */
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

  await runDurableObjectAlarm(env.CLIENT_GATE.getByName(client.client_id));
  const { DB } = instrument(env);
  for (const organizationId of [organization, null]) {
    const feed = { identifier, organizationId, signingAlg: 'ES256', tokensFrom: null } as const;
    await readNewestEntries(database(DB), feed, { after: 1, limit: 1 });
    await readOlderEntries(database(DB), feed, { after: 1, upTo: 2, limit: 1 });
  }
  await findFeedServers(database(DB), [identifier]);
  const counted = { hour: Date.now() - (Date.now() % 3_600_000), count: 1 };
  const counts = [{ ...counted, outcome: 'issued' }];
  await flushUsage(database(DB), client.client_id, { counts, resources: [{ ...counted, resource: identifier }] }, 1);
  await env.DB.prepare("INSERT INTO client_usage VALUES (?, ?, 'issued', 1)")
    .bind(client.client_id, counted.hour)
    .run();

  for (const [route, { call }] of Object.entries(ROUTES)) {
    const { path, body, headers: own } = await call(organization);
    const [method = ''] = route.split(' ');
    const headers = { ...own, 'Idempotency-Key': crypto.randomUUID() };
    expect((await api(method, path, { body, headers })).ok, route).toBe(true);
    if (method === 'POST') expect((await api(method, path, { body, headers })).ok, route).toBe(true);
  }
  const lists = [...MOUNTED]
    .filter((route) => ROUTES[route] && /^GET \/[a-z-]+$/.test(route))
    .map((route) => route.slice(5));
  expect(lists.length).toBeGreaterThan(5);
  const time = new Date().toISOString();
  const sorts = ['-name', 'created_at', '-created_at', 'last_used_at', '-last_used_at'];
  const cursors = [
    '["a"]',
    '[1,"a"]',
    '[1]',
    ...['creation', 'end', 'disuse'].map((order) => JSON.stringify([order, 1, 'a'])),
    ...sorts.map((sort) => JSON.stringify([sort, sort === '-name' ? 'z' : 1, 'a'])),
  ].map((keys) => btoa(keys).replaceAll('=', ''));
  const filters = [
    {},
    { name: 'w' },
    { status: 'active' },
    { owner: 'billing' },
    { owner: 'billing', name: 'w' },
    { owner: 'billing', status: 'active' },
    { owner: 'billing', status: 'active', name: 'w' },
    { role: 'indexed' },
    { resource_server: identifier },
    { auth_method: 'private_key_jwt' },
    { expires_before: time, status: 'active' },
    { expires_before: time },
    { safe_to_delete: 'true' },
    { unused_since: time, status: 'active', auth_method: 'private_key_jwt' },
    { name: 'w', status: 'active', role: 'indexed', resource_server: identifier },
    ...sorts.flatMap((sort) => [
      { sort },
      { sort, status: 'active' },
      { sort, unused_since: time, owner: 'billing', name: 'w' },
    ]),
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
          // Not every list accepts every filter.
          expect((await api('GET', `${path}?${query}`)).status).not.toBe(503);
        }
      }
    }
  }

  // Writes that push to gates, refused for dependents and then with cascade, and pushes that are delivered late.
  await done('PATCH', `organizations/${organization}`, { body: { subject: 'organization' } });
  await done('PATCH', `organizations/${organization}`, { body: { metadata: { a: 'b' } } });
  await done('PATCH', `roles/${role.id}`, { body: { name: 'renamed' } });
  await done('PATCH', `roles/${role.id}`, { body: { description: 'Other.' } });
  await failing('gate', () => api('PATCH', `clients/${holder.client_id}`, { body: { metadata: { a: 'b' } } }));
  const policy = { report_after_days: 1, disable_after_days: 30, except: [holder.client_id] };
  await done('PATCH', `organizations/${organization}`, { body: { unused_clients: policy } });
  await done('PATCH', `organizations/${organization}`, { body: { unused_clients: { except: [] } } });
  const old = Date.now() - 1000 * 86_400_000;
  await env.DB.batch([
    env.DB.prepare('UPDATE clients SET created_at = ?1, last_used_at = NULL').bind(old),
    env.DB.prepare('UPDATE clients SET unused_reported_at = ?1 + 1 WHERE client_id = ?2').bind(old, holder.client_id),
    env.DB.prepare('UPDATE organizations SET unused_policy_since = ?').bind(old),
    env.DB.prepare("UPDATE client_secrets SET rank = 'secondary', rotated_at = ? WHERE client_id = ?").bind(
      old,
      holder.client_id,
    ),
  ]);
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

test('no query scans a table that grows', async () => {
  expect(preparedStatements.size).toBeGreaterThan(100);
  // The tasks of the scheduled handler found something to do.
  for (const what of ['"unused_since" = ?', '"unused_reported_at" = ?', '"disuse_noticed" = ', '"unused_cursor" IS']) {
    expect([what, [...preparedStatements].some((sql) => sql.includes(what))]).toEqual([what, true]);
  }
  const unwanted: string[] = [];
  for (const sql of preparedStatements) {
    const parameters = Array<null>(sql.split('?').length - 1).fill(null);
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...parameters)
      .all<{ detail: string }>();
    for (const { detail } of plan.results) {
      if (!/^SCAN (?!CONSTANT)/.test(detail) || LISTS.test(detail) || FOUND.test(detail) || COMPUTED.test(detail))
        continue;
      if (isPage(detail, sql)) continue;
      if (!READ_WHOLE.some((table) => detail.startsWith(`SCAN ${table}`))) unwanted.push(`${detail}: ${sql}`);
    }
  }
  expect(unwanted).toEqual([]);
});

test('an organization’s events by one actor are read by the organization’s index, even if the actor has many events elsewhere', async () => {
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
    // With a target, which has few events, either index is fine.
    expect(detail, sql).toMatch(
      sql.includes('"target" = ?')
        ? /audit_events_(target|organization)/
        : /audit_events_organization \(organization_id=\?/,
    );
  }
});

test('the clients of an owner are read by the index of owners, in order', async () => {
  const pages = [...preparedStatements].filter(
    (sql) => /^select.*where .*"clients"\."owner" = \?/s.test(sql) && !sql.includes('role_id'),
  );
  expect(pages.length).toBeGreaterThan(1);
  for (const sql of pages) {
    const parameters = Array<null>(sql.split('?').length - 1).fill(null);
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...parameters)
      .all<{ detail: string }>();
    const details = plan.results.map(({ detail }) => detail);
    expect(details.join('\n'), sql).toMatch(/clients_owner \(organization_id=\? AND owner=\?/);
  }
});
