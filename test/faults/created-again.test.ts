import { base64url } from 'jose';
import { describe, expect, test } from 'vitest';
import { api, type Credentials, create, done, getToken, introspect, requestToken, world } from '../http.ts';
import { failingPushes, owedTo, runScheduled } from './owed.ts';

const secret = () => base64url.encode(crypto.getRandomValues(new Uint8Array(32)));

let worlds = 0;

/** Creates an imported client with a token, and returns how to create it again under the same id in another organization. */
async function imported() {
  const name = `again-${++worlds}`;
  const { organization, identifier, api: caller } = await world(name);
  const { id: elsewhere } = await create('organizations', { name: `${name}-elsewhere` });
  const former = { client_id: `${name}-client`, client_secret: secret() };
  const latter = { client_id: former.client_id, client_secret: secret() };
  await create('clients', {
    ...former,
    organization_id: organization,
    client_name: 'imported',
    grants: [{ resource_server: identifier, scopes: ['read'] }],
  });
  const { access_token: token } = await getToken(former);
  const { identifier: target } = await done<{ identifier: string }>('POST', 'resource-servers', {
    body: { organization_id: elsewhere, identifier: `https://${name}-elsewhere.example.com`, name: 'elsewhere' },
  });
  const make = () =>
    api('POST', 'clients', {
      body: {
        ...latter,
        organization_id: elsewhere,
        client_name: 'imported',
        grants: [{ resource_server: target, scopes: [] }],
      },
    });
  return { organization, caller, former, latter, token, make };
}

async function isActive(caller: Credentials, token: string): Promise<boolean> {
  return (await (await introspect(caller, token)).json<{ active: boolean }>()).active;
}

const ways = [
  ['it was deleted', ({ former }: Made) => `clients/${former.client_id}`],
  ['its organization was deleted', ({ organization }: Made) => `organizations/${organization}?cascade=true`],
] as const;
type Made = Awaited<ReturnType<typeof imported>>;

describe.each(ways)('a client_id whose gate was not told that %s', (_, path) => {
  test('is not given again before it is told', async () => {
    const made = await imported();
    const { former, latter, make } = made;
    await failingPushes(former, async () => {
      expect((await api('DELETE', path(made))).status).toBe(503);
      expect((await make()).status).toBe(503);
      expect((await api('GET', `clients/${former.client_id}`)).status).toBe(404);
    });
    expect((await make()).status).toBe(201);
    expect((await requestToken(latter)).status).toBe(200);
    expect((await requestToken(former)).status).toBe(401);
  });

  test('is then another client’s, whose changes are heard, and the tokens of the first stay dead', async () => {
    const made = await imported();
    const { former, latter, token, make, caller } = made;
    await failingPushes(former, async () => expect((await api('DELETE', path(made))).status).toBe(503));
    expect((await make()).status).toBe(201);
    if (path(made).startsWith('clients/')) expect(await isActive(caller, token)).toBe(false);
    expect((await requestToken(latter)).status).toBe(200);
    if (path(made).startsWith('clients/')) expect(await isActive(caller, token)).toBe(false);
    await runScheduled();
    expect(await owedTo(former)).toBe(0);
    await done('PATCH', `clients/${latter.client_id}`, { body: { status: 'disabled' } });
    expect((await requestToken(latter)).status).toBe(401);
  });
});
