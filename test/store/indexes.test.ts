import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { create, getToken, introspect, postForm, revoke, world } from '../http.ts';
import { preparedStatements } from '../instruments.ts';

// Tables of one row, or of a handful that are always wanted whole.
const READ_WHOLE = ['version_sequence', 'signing_keys', 'json_each'];

test('no query that runs scans a table that grows', async () => {
  const { worker, api, organization, identifier } = await world('indexed', { claims: { tier: 1 } });
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  await create('roles', { organization_id: organization, name: 'indexed', grants });
  await create('roles', { name: 'shared' });
  await create('clients', { organization_id: organization, client_name: 'with roles', roles: ['indexed', 'shared'] });
  const { api_key } = await create('api-keys', {
    organization_id: organization,
    name: 'indexed',
    scopes: ['tokens:introspect'],
  });
  const { access_token } = await getToken(worker);
  await introspect(api, access_token);
  await postForm('/oauth2/introspect', { token: access_token }, { headers: { Authorization: `Bearer ${api_key}` } });
  await revoke(worker, access_token);

  expect(preparedStatements.size).toBeGreaterThan(20);
  for (const sql of preparedStatements) {
    const parameters = Array<null>(sql.split('?').length - 1).fill(null);
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...parameters)
      .all<{ detail: string }>();
    const scans = plan.results.filter(({ detail }) => /^SCAN (?!CONSTANT)/.test(detail));
    const unwanted = scans.filter(
      ({ detail }) => !READ_WHOLE.some((table) => detail.includes(table)) && !/^SCAN (granted|scope)\b/.test(detail),
    );
    expect(unwanted, sql).toEqual([]);
  }
});
