import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { api, type Credentials, create, done, getToken, introspect, requestToken, world } from '../http.ts';

// Each gate holds its client's record before the change. The tests look at the next request after the change.

let counter = 0;
const fresh = (client?: Record<string, unknown>) => world(`ryw-${++counter}`, client);

async function isActive(caller: Credentials, token: string): Promise<boolean> {
  return (await (await introspect(caller, token)).json<{ active: boolean }>()).active;
}

async function scopesOf(client: Credentials): Promise<string[]> {
  return (await getToken(client)).scope?.split(' ') ?? [];
}

describe('the first request after the acknowledgement sees', () => {
  test('a client disabled, and enabled again without the tokens that it had', async () => {
    const { worker, api: caller } = await fresh();
    const { access_token } = await getToken(worker);
    await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
    expect((await requestToken(worker)).status).toBe(401);
    expect(await isActive(caller, access_token)).toBe(false);
    await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'active' } });
    const { access_token: next } = await getToken(worker);
    expect(await isActive(caller, next)).toBe(true);
    expect(await isActive(caller, access_token)).toBe(false);
  });

  test('a client enabled that older code disabled, without the tokens that it had', async () => {
    const { worker, api: caller } = await fresh();
    const { access_token } = await getToken(worker);
    await env.DB.prepare("UPDATE clients SET status = 'disabled' WHERE client_id = ?").bind(worker.client_id).run();
    await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'active' } });
    expect(await isActive(caller, access_token)).toBe(false);
    expect(await isActive(caller, (await getToken(worker)).access_token)).toBe(true);
  });

  test('any other change of a client or an organization, with the tokens that they had', async () => {
    const { worker, api: caller, organization } = await fresh();
    const { access_token } = await getToken(worker);
    await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'active', access_token_ttl: 120 } });
    await done('PATCH', `organizations/${organization}`, { body: { status: 'active', subject: 'organization' } });
    expect(await isActive(caller, access_token)).toBe(true);
  });

  test('changed grants, lifetime, claims and rate limit', async () => {
    const { worker, identifier } = await fresh();
    await getToken(worker);
    await done('PATCH', `clients/${worker.client_id}`, {
      body: {
        grants: [{ resource_server: identifier, scopes: ['admin'] }],
        access_token_ttl: 120,
        claims: { tier: 'gold' },
      },
    });
    const answer = await getToken(worker);
    expect(answer).toMatchObject({ scope: 'admin', expires_in: 120 });
    expect(decodeJwt(answer.access_token)).toMatchObject({ tier: 'gold' });
    await done('PATCH', `clients/${worker.client_id}`, { body: { rate_limit: { burst: 1, per_minute: 1 } } });
    const statuses = [await requestToken(worker), await requestToken(worker)].map(({ status }) => status);
    expect(statuses).toContain(429);
  });

  test('a role assigned, changed and deleted', async () => {
    const { worker, identifier, organization } = await fresh({ grants: [] });
    const role = await create('roles', {
      organization_id: organization,
      name: 'r',
      grants: [{ resource_server: identifier, scopes: ['read'] }],
    });
    expect((await requestToken(worker)).status).toBe(400);
    await done('PATCH', `clients/${worker.client_id}`, { body: { roles: ['r'] } });
    expect(await scopesOf(worker)).toEqual(['read']);
    await done('PATCH', `roles/${role.id}`, {
      body: { grants: [{ resource_server: identifier, scopes: ['read', 'admin'] }] },
    });
    expect(await scopesOf(worker)).toEqual(['admin', 'read']);
    const refused = await api('DELETE', `roles/${role.id}`);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({
      orphans: [{ type: 'client', id: worker.client_id, name: 'worker' }],
      orphans_total: 1,
    });
    expect((await api('DELETE', `roles/${role.id}?cascade=true`)).status).toBe(204);
    expect((await requestToken(worker)).status).toBe(400);
  });

  test('a resource server’s changed lifetime, its removed scope, and its deletion', async () => {
    const { worker, server } = await fresh();
    await getToken(worker);
    await done('PATCH', `resource-servers/${server.id}`, { body: { access_token_ttl: 300 } });
    expect((await getToken(worker)).expires_in).toBe(300);
    const narrower = { scopes: [{ name: 'read' }, { name: 'admin' }] };
    expect((await api('PATCH', `resource-servers/${server.id}`, { body: narrower })).status).toBe(409);
    await done('PATCH', `resource-servers/${server.id}?cascade=true`, { body: narrower });
    expect(await scopesOf(worker)).toEqual(['read']);
    expect((await api('DELETE', `resource-servers/${server.id}`)).status).toBe(409);
    await done('DELETE', `resource-servers/${server.id}?cascade=true`);
    expect((await requestToken(worker)).status).toBe(400);
  });

  test('a secret rotated, promoted and deleted', async () => {
    const { worker } = await fresh();
    await getToken(worker);
    const path = `clients/${worker.client_id}/secrets`;
    const rotated = await done<{ id: string; client_secret: string }>('POST', `${path}/rotate`);
    const renewed = { ...worker, client_secret: rotated.client_secret };
    expect((await requestToken(renewed)).status).toBe(200);
    expect((await requestToken(worker)).status).toBe(200);
    const { data } = await done<{ data: { id: string; rank: string }[] }>('GET', path);
    const old = data.find(({ rank }) => rank === 'secondary');
    expect(data.find(({ rank }) => rank === 'primary')?.id).toBe(rotated.id);
    await done('POST', `${path}/${old?.id}/promote`);
    expect((await api('DELETE', `${path}/${old?.id}`)).status).toBe(409);
    expect((await api('DELETE', `${path}/${rotated.id}`)).status).toBe(204);
    expect((await requestToken(renewed)).status).toBe(401);
    expect((await requestToken(worker)).status).toBe(200);
  });

  test('all of a client’s tokens revoked, but not the tokens that it gets afterwards', async () => {
    const { worker, api: caller } = await fresh();
    const { access_token } = await getToken(worker);
    expect(await isActive(caller, access_token)).toBe(true);
    await done('POST', `clients/${worker.client_id}/revoke-tokens`);
    expect(await isActive(caller, access_token)).toBe(false);
    const { access_token: next } = await getToken(worker);
    expect(await isActive(caller, next)).toBe(true);
    expect(await isActive(caller, access_token)).toBe(false);
  });

  test('an organization’s tokens revoked, its subject changed, itself disabled and deleted', async () => {
    const { worker, api: caller, organization } = await fresh();
    const { access_token } = await getToken(worker);
    expect(decodeJwt(access_token).sub).toBe(worker.client_id);
    await done('POST', `organizations/${organization}/revoke-tokens`);
    expect(await isActive(caller, access_token)).toBe(false);
    expect(await isActive(caller, (await getToken(worker)).access_token)).toBe(true);
    await done('PATCH', `organizations/${organization}`, { body: { subject: 'organization' } });
    expect(decodeJwt((await getToken(worker)).access_token).sub).toBe(organization);
    const { access_token: last } = await getToken(worker);
    await done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } });
    expect((await requestToken(worker)).status).toBe(401);
    await done('PATCH', `organizations/${organization}`, { body: { status: 'active' } });
    const { access_token: next } = await getToken(worker);
    expect(await isActive(caller, next)).toBe(true);
    expect(await isActive(caller, last)).toBe(false);
    expect((await api('DELETE', `organizations/${organization}`)).status).toBe(409);
    expect((await api('DELETE', `organizations/${organization}?cascade=true`)).status).toBe(204);
    expect((await requestToken(worker)).status).toBe(401);
    expect((await api('GET', `organizations/${organization}`)).status).toBe(404);
  });

  test('a token revoked by an administrator', async () => {
    const { worker, api: caller } = await fresh();
    const { access_token } = await getToken(worker);
    await done('POST', 'tokens/revoke', { body: { token: access_token } });
    expect(await isActive(caller, access_token)).toBe(false);
  });
});
