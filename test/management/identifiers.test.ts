import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RESERVATION_AGE } from '../../src/store/constants.ts';
import { failingPushes, holdingFirst } from '../faults/owed.ts';
import { api, create, createClient, done, getToken, manage, requestToken, world } from '../http.ts';
import { consoleOf } from '../log/lines.ts';
import { keyWith, problemOf, rowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';

afterEach(() => {
  vi.useRealTimers();
});

const MINE = 'https://orders.acme.example';
/** Twelve spellings of one identifier, and the first one again. */
const SPELLINGS = [
  MINE,
  `${MINE}/`,
  `${MINE}//`,
  `${MINE}:443`,
  'https://ORDERS.acme.example',
  'HTTPS://orders.acme.example',
  `${MINE}?`,
  `${MINE}.`,
  `${MINE}/%2e`,
  `${MINE}/./`,
  `${MINE}/a/..`,
  'https://%6frders.acme.example',
];

let organizations = 0;
const newOrganization = async () =>
  (await create('organizations', { name: `identifiers-${++organizations}` })).id ?? '';
const conflict = async (response: Response) => (await problemOf(response, 409)).errors?.[0]?.detail ?? '';

/** Creates a resource server with the root key, for an organization or for all. */
function register(organization: string | undefined, identifier: string): Promise<Response> {
  return manage('resource-servers', { organization_id: organization, identifier, name: 'x' });
}

/** Leaves resource servers as older code created them: their comparable form is not stored. */
async function asOlderCode(organization: string | null, ...identifiers: readonly string[]): Promise<string[]> {
  const ids = identifiers.map((_, index) => `rs_older${++organizations}x${index}`);
  await env.DB.batch(
    identifiers.map((identifier, index) =>
      env.DB.prepare(
        `INSERT INTO resource_servers (id, organization_id, identifier, name, signing_alg, introspection, version, created_at, updated_at)
         VALUES (?, ?, ?, 'older', 'ES256', 'strong', 1, ?, 1)`,
      ).bind(ids[index], organization, identifier, index),
    ),
  );
  return ids;
}

describe('one identifier', () => {
  test.each(SPELLINGS)(
    'is not registered again as %s, in the same organization or another, or as a shared one',
    async (spelling) => {
      const [owner, other] = [await newOrganization(), await newOrganization()];
      const host = `orders${organizations}`;
      const spelled = spelling.replace(/(%6f|o)rders(?=\.acme)/i, (text) => `${text}${organizations}`);
      const mine = MINE.replace('orders', host);
      expect((await register(owner, mine)).status).toBe(201);
      for (const rival of [owner, other, undefined]) await conflict(await register(rival, spelled));
      const key = await keyWith(other, ['resource-servers:write']);
      const answer = await manage('resource-servers', { identifier: spelled, name: 'x' }, key);
      expect(await conflict(answer)).toMatch(/^Another resource server has this identifier, or another spelling of it/);
    },
  );

  test('is not registered in two spellings at the same moment', async () => {
    const host = `https://raced-${await newOrganization()}.example`.replace('_', '-').toLowerCase();
    const spellings = [host, `${host}/`, `${host}:443`, host.toUpperCase()];
    const answers = await Promise.all(spellings.map((spelling) => register(undefined, spelling)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  test('is named in its registered spelling to those who may see it', async () => {
    const owner = await newOrganization();
    const mine = `https://named-${organizations}.example`;
    await register(owner, mine);
    const key = await keyWith(owner, ['resource-servers:write']);
    const again = await manage('resource-servers', { identifier: `${mine}/`, name: 'x' }, key);
    expect(await conflict(again)).toBe(`\`${mine}\` exists and means the same. Use it, or choose another identifier.`);
  });

  test('is the issuer in any spelling, and is then refused', async () => {
    for (const identifier of [
      'https://AUTH.example.com',
      'https://auth.example.com:443/x',
      'https://auth.example.com/?x',
    ]) {
      expect((await register(undefined, identifier)).status).toBe(422);
    }
  });
});

test('a reference in another spelling is refused, and the answer names the registered one', async () => {
  const { organization, identifier } = await world('referenced');
  const grants = [{ resource_server: `${identifier}/`, scopes: [] }];
  const answer = await manage('clients', { organization_id: organization, client_name: 'spelled', grants });
  const { errors } = await problemOf(answer, 422);
  expect(errors).toEqual([
    { pointer: '/grants/0/resource_server', detail: `Unknown resource server. Did you mean \`${identifier}\`?` },
  ]);
  const other = await newOrganization();
  const foreign = await manage('clients', { organization_id: other, client_name: 'spelled', grants });
  expect(JSON.stringify(await problemOf(foreign, 422))).not.toContain(identifier);
});

describe('resource servers of older code', () => {
  test('block other spellings before their form is stored, and after', async () => {
    const owner = await newOrganization();
    const host = `https://older-${organizations}.example`;
    await asOlderCode(owner, host);
    await conflict(await register(undefined, `${host}/`));
    await runScheduled(Date.now());
    const rows = await rowsOf('SELECT comparable FROM resource_servers WHERE identifier = ?', host);
    expect(rows).toEqual([{ comparable: host }]);
    await conflict(await register(undefined, `${host}/`));
  });

  test('that are created by older code at the same moment block as well', async () => {
    const owner = await newOrganization();
    const host = `https://older-raced-${organizations}.example`;
    const answer = await holdingFirst('insert into "version_sequence"', async ({ held, release }) => {
      const registering = register(undefined, `${host}/`);
      await vi.waitFor(() => expect(held()).toBe(1));
      await asOlderCode(owner, host);
      release();
      return registering;
    });
    await conflict(answer);
  });

  test('whose identifiers mean the same keep working, are reported once to the root key, and leave no room for a third', async () => {
    const [owner, other] = [await newOrganization(), await newOrganization()];
    const host = `https://collided-${organizations}.example`;
    const [first] = await asOlderCode(owner, host);
    const [second] = await asOlderCode(other, `${host}/`);
    const lines = await consoleOf(async () => {
      await runScheduled(Date.now());
      await runScheduled(Date.now());
    });
    const logged = lines.filter(({ text }) => text.includes('identifier_collision'));
    expect(logged.map(({ text }) => JSON.parse(text))).toEqual([
      { event: 'identifier_collision', resource_server: second, collides_with: first },
    ]);
    const path = 'audit-events?action=resource_server.identifier_collides';
    const { data } = await done<{ data: { target: string; changes: object }[] }>('GET', path);
    expect(data.filter(({ target }) => target === second).map(({ changes }) => changes)).toEqual([
      {
        identifier: `${host}/`,
        organization_id: other,
        collides_with: { id: first, identifier: host, organization_id: owner },
      },
    ]);
    for (const organization of [owner, other]) {
      const key = await keyWith(organization, ['audit:read']);
      expect(await done('GET', path, { key })).toMatchObject({ data: [] });
    }
    vi.useRealTimers();

    for (const [organization, resource_server] of [
      [owner, host],
      [other, `${host}/`],
    ] as const) {
      const client = await createClient({
        organization_id: organization,
        client_name: 'works',
        grants: [{ resource_server, scopes: [] }],
      });
      await getToken(client, { resource: resource_server });
      await conflict(await register(organization, `${host}:443`));
    }
    // The form passes to the one that is left.
    await done('DELETE', `resource-servers/${first}?cascade=true`);
    await conflict(await register(owner, `${host}:443`));
    await runScheduled(Date.now());
    const rows = await rowsOf('SELECT id FROM resource_servers WHERE comparable = ?', host);
    expect(rows).toEqual([{ id: second }]);
  });
});

describe('the identifier of a deleted resource server', () => {
  test.each([
    ['a deleted resource server', (id: string, _: string) => `resource-servers/${id}?cascade=true`],
    ['a deleted organization', (_: string, organization: string) => `organizations/${organization}?cascade=true`],
  ])('that collided stays reserved in every spelling: of %s', async (_, pathOf) => {
    const [owner, other] = [await newOrganization(), await newOrganization()];
    const host = `https://collided-deleted-${organizations}.example`;
    const [first] = await asOlderCode(owner, host);
    const [second] = await asOlderCode(other, `${host}/`);
    await done('DELETE', pathOf(second ?? '', other));
    expect(await rowsOf('SELECT organization_id FROM reserved_identifiers WHERE comparable = ?', host)).toEqual([
      { organization_id: other },
    ]);
    await done('DELETE', `resource-servers/${first}?cascade=true`);
    // Both organizations may have valid tokens for it.
    for (const organization of [owner, await newOrganization(), undefined]) {
      expect(await conflict(await register(organization, `${host}/`))).toMatch(/^Reserved for nobody until /);
    }
  });

  const DELETIONS: [string, (made: Awaited<ReturnType<typeof world>>) => string][] = [
    ['a deleted resource server', ({ server }) => `resource-servers/${server.id}?cascade=true`],
    ['a deleted organization', ({ organization }) => `organizations/${organization}?cascade=true`],
  ];

  test.each(DELETIONS)('is nobody else’s until the last token has expired: of %s', async (name, pathOf) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const made = await world(`deleted-${DELETIONS.findIndex(([other]) => other === name)}`);
    await done('DELETE', pathOf(made));
    const other = await newOrganization();
    const taken = await conflict(await register(other, made.identifier));
    expect(taken).toMatch(/^Reserved for org_\w+ until /);
    const key = await keyWith(other, ['resource-servers:write']);
    for (const identifier of [made.identifier, `${made.identifier}/`]) {
      const answer = await manage('resource-servers', { identifier, name: 'x' }, key);
      expect(await conflict(answer)).toMatch(/^Another resource server has this identifier, or another spelling of it/);
    }
    expect((await register(undefined, made.identifier)).status).toBe(409);
    await runScheduled(Date.now() + RESERVATION_AGE * 1000 - 1);
    expect((await register(other, made.identifier)).status).toBe(409);
    await runScheduled(Date.now() + 2);
    expect(await rowsOf('SELECT * FROM reserved_identifiers WHERE comparable = ?', made.identifier)).toEqual([]);
    expect((await register(other, made.identifier)).status).toBe(201);
  });

  test('stays reserved while a gate that was not told issues tokens for it', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const { server, worker, organization, identifier } = await world('deleted-untold');
    await getToken(worker);
    const late = Date.now() + RESERVATION_AGE * 1000;
    await failingPushes(worker, async () => {
      expect((await api('DELETE', `resource-servers/${server.id}?cascade=true`)).status).toBe(503);
      expect((await requestToken(worker)).status).toBe(200);
      expect((await register(organization, identifier)).status).toBe(503);
      await runScheduled(late);
      await runScheduled(late + 60_000);
      expect((await register(await newOrganization(), identifier)).status).toBe(409);
    });
    expect((await register(organization, identifier)).status).toBe(201);
    expect((await requestToken(worker)).status).toBe(400);
  });
});
