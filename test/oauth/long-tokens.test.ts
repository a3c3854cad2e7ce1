import { expect, test } from 'vitest';
import { type Credentials, create, introspect, postForm, requestToken } from '../http.ts';

test('what is issued can be introspected and revoked; what would be too long for that is not issued', async () => {
  const { id: organization_id } = await create('organizations', { name: 'long' });
  const identifier = 'https://long.example.com';
  const scopes = Array.from({ length: 1000 }, (_, index) => ({ name: `scope-${String(index).padStart(6, '0')}` }));
  await create('resource-servers', { organization_id, identifier, name: 'long', scopes });
  const grants = [{ resource_server: identifier, scopes: scopes.map(({ name }) => name) }];
  const client = await create<Credentials>('clients', {
    organization_id,
    client_name: 'all',
    grants,
    introspects: [identifier],
  });

  const all = await requestToken(client);
  expect(all.status).toBe(400);
  expect(await all.json()).toMatchObject({ error: 'invalid_scope' });

  const many = scopes
    .slice(0, 800)
    .map(({ name }) => name)
    .join(' ');
  const granted = await requestToken(client, { scope: many });
  expect(granted.status).toBe(200);
  const { access_token } = await granted.json<{ access_token: string }>();
  expect(await (await introspect(client, access_token)).json()).toMatchObject({ active: true });
  const { client_id, client_secret } = client;
  expect((await postForm('/oauth2/revoke', { token: access_token, client_id, client_secret })).status).toBe(200);
  expect(await (await introspect(client, access_token)).json()).toEqual({ active: false });
});
