import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { ACCESS_TOKEN_TTL_MAX, CALLER_AGE } from '../../../src/constants.ts';
import { RESERVATION_AGE } from '../../../src/store/constants.ts';
import { create, createClient, done, getToken, introspect, postForm, world } from '../../http.ts';
import { calls, failing, resetCalls, startNewIsolate } from '../../instruments.ts';
import { keyWith } from '../../management/rows.ts';
import { INACTIVE } from '../../tokens/verdict.ts';

let worlds = 0;

/** Creates a world with a token, and an API key that may introspect. */
async function scene(introspection: 'strong' | 'edge' = 'strong') {
  const made = await world(`gone-${++worlds}`);
  await done('PATCH', `resource-servers/${made.server.id}`, { body: { introspection } });
  const key = await keyWith(made.organization, ['tokens:introspect']);
  const { access_token: token } = await getToken(made.worker);
  return { ...made, key, token };
}

type Scene = Awaited<ReturnType<typeof scene>>;

const byKey = (key: string, token: string) =>
  postForm('/oauth2/introspect', { token }, { headers: { Authorization: `Bearer ${key}` } });

const CALLERS: [string, (scene: Scene, token?: string) => Promise<Response>][] = [
  ['a client', ({ api, token }, other) => introspect(api, other ?? token)],
  ['an API key', ({ key, token }, other) => byKey(key, other ?? token)],
  ['the root key', ({ token }, other) => byKey(env.ROOT_API_KEY, other ?? token)],
];

const remove = ({ server }: Scene) => done('DELETE', `resource-servers/${server.id}?cascade=true`);
const isActive = async (answer: Promise<Response>) => (await (await answer).text()) !== INACTIVE;

/** Creates a resource server with the same identifier, a client that gets tokens for it, and a client that introspects them. */
async function createAgain({ identifier }: Scene, organization_id: string, introspection = 'strong') {
  const scopes = [{ name: 'read' }];
  await create('resource-servers', { organization_id, identifier, name: 'again', scopes, introspection });
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  return {
    worker: await createClient({ organization_id, client_name: 'again', grants }),
    api: await createClient({ organization_id, client_name: 'again api', introspects: [identifier] }),
    key: await keyWith(organization_id, ['tokens:introspect']),
  };
}

describe.each(CALLERS)('for %s', (_, ask) => {
  test.each(['strong', 'edge'] as const)('a token is inactive from the deletion on: %s', async (introspection) => {
    const made = await scene(introspection);
    expect(await isActive(ask(made))).toBe(true);
    await remove(made);
    if (introspection === 'edge') startNewIsolate();
    expect(await isActive(ask(made))).toBe(false);
    startNewIsolate();
    expect(await isActive(ask(made))).toBe(false);
  });

  test('a token whose client had lost its grant is inactive from the deletion on', async () => {
    const made = await scene();
    await done('PATCH', `clients/${made.worker.client_id}`, { body: { grants: [] } });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    expect(await isActive(ask(made))).toBe(true);
    await remove(made);
    vi.setSystemTime(Date.now() + 1000);
    expect(await isActive(ask(made))).toBe(false);
    vi.useRealTimers();
  });

  test('at the edge, an isolate that remembers the caller sees the deletion within 10 seconds', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const made = await scene('edge');
    expect(await isActive(ask(made))).toBe(true);
    await remove(made);
    vi.setSystemTime(Date.now() + CALLER_AGE * 1000);
    expect(await isActive(ask(made))).toBe(false);
    vi.useRealTimers();
  });

  test.each(['strong', 'edge'] as const)(
    'the organization’s next resource server does not inherit it: %s',
    async (introspection) => {
      const made = await scene();
      // The isolate remembers the caller and the resource server from here on.
      expect(await isActive(ask(made))).toBe(true);
      await remove(made);
      const again = await createAgain(made, made.organization, introspection);
      const { access_token } = await getToken(again.worker);
      const asked = { ...made, ...again };
      expect(await isActive(ask(asked, access_token))).toBe(true);
      expect(await isActive(ask(asked))).toBe(false);
      // The former client is granted the new one too, so that its gate knows it.
      const grants = [{ resource_server: made.identifier, scopes: ['read'] }];
      await done('PATCH', `clients/${made.worker.client_id}`, { body: { grants } });
      expect(await isActive(ask(asked, (await getToken(made.worker)).access_token))).toBe(true);
      expect(await isActive(ask(asked))).toBe(false);
      expect(await isActive(ask(made))).toBe(false);
    },
  );

  test('costs no store more while the resource server exists', async () => {
    const made = await scene();
    await ask(made);
    resetCalls();
    expect(await isActive(ask(made))).toBe(true);
    expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
  });
});

test('another organization can have the identifier once the longest possible token has expired', async () => {
  const made = await scene();
  await done('PATCH', `clients/${made.worker.client_id}`, { body: { access_token_ttl: ACCESS_TOKEN_TTL_MAX } });
  const { access_token } = await getToken(made.worker);
  await remove(made);
  const { id } = await create('organizations', { name: `heir-${worlds}` });
  await expect(createAgain(made, id ?? '')).rejects.toThrow('409');
  const { exp = Infinity } = decodeJwt(access_token);
  const end = Date.now() + RESERVATION_AGE * 1000;
  expect(exp * 1000).toBeLessThan(end);
  vi.useFakeTimers({ toFake: ['Date'], now: end });
  const again = await createAgain(made, id ?? '');
  for (const [, ask] of CALLERS) expect(await isActive(ask({ ...made, ...again }, access_token))).toBe(false);
  vi.useRealTimers();
});

describe('with D1 gone', () => {
  test('the root key learns that a token is active if its client’s gate shows that the resource server exists, and else 503', async () => {
    const granted = await scene();
    const lost = await scene();
    await done('PATCH', `clients/${lost.worker.client_id}`, { body: { grants: [] } });
    startNewIsolate();
    await failing('d1', async () => {
      expect(await isActive(byKey(env.ROOT_API_KEY, granted.token))).toBe(true);
      expect((await byKey(env.ROOT_API_KEY, lost.token)).status).toBe(503);
      expect(await isActive(introspect(lost.api, lost.token))).toBe(true);
    });
  });
});
