import { decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW, JWKS_MAX_AGE, KEY_RING_LEASE } from '../../src/constants.ts';
import { api, type Credentials, create, done, getToken, introspect, send, world } from '../http.ts';
import { startNewIsolate } from '../instruments.ts';
import { problemOf, rowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';
import { type AuditEvent, eventsAbout } from './secrets.ts';

interface SigningKey {
  kid: string;
  alg: string;
  status: 'next' | 'active' | 'retiring';
  created_at: string;
  activated_at: string | null;
  retired_at: string | null;
  public_jwk: Record<string, unknown>;
}

const SECOND = 1000;
/** How old a next key must be. */
const PUBLISHED = (JWKS_MAX_AGE + KEY_RING_LEASE + CLOCK_SKEW) * SECOND;
/** How long a retired one stays. */
const KEPT = (ACCESS_TOKEN_TTL_MAX + KEY_RING_LEASE + CLOCK_SKEW) * SECOND;
const START = new Date('2028-01-01T00:00:00Z').getTime();

// Each test begins where the one before ended, and a day later: the ring is the whole deployment's.
let now = START;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now });
});

afterEach(() => {
  now = Date.now() + 86_400 * SECOND;
  vi.useRealTimers();
});

function pass(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}

const rotate = (body: object = {}) => api('POST', 'signing-keys/rotate', { body });

async function listed(): Promise<SigningKey[]> {
  return (await done<{ data: SigningKey[] }>('GET', 'signing-keys')).data;
}

async function published(): Promise<string[]> {
  startNewIsolate();
  const { keys } = await (await send('/.well-known/jwks.json')).json<JSONWebKeySet>();
  return keys.map(({ kid = '' }) => kid).sort();
}

/** By algorithm, the key of a status. */
function kids(keys: readonly SigningKey[], status: SigningKey['status']): Record<string, string> {
  return Object.fromEntries(keys.filter((key) => key.status === status).map(({ alg, kid }) => [alg, kid]));
}

async function signedWith(client: Credentials): Promise<{ token: string; kid: string | undefined }> {
  startNewIsolate();
  const { access_token: token } = await getToken(client);
  return { token, kid: decodeProtectedHeader(token).kid };
}

async function isActive(caller: Credentials, token: string): Promise<boolean> {
  startNewIsolate();
  return (await (await introspect(caller, token)).json<{ active: boolean }>()).active;
}

test('the keys are listed with their public halves alone, as the JWKS has them', async () => {
  expect(await published()).toHaveLength(6);
  const keys = await listed();
  expect(keys.map(({ kid }) => kid).sort()).toEqual(await published());
  expect(Object.keys(kids(keys, 'active')).sort()).toEqual(['ES256', 'EdDSA', 'RS256']);
  expect(Object.keys(kids(keys, 'next')).sort()).toEqual(['ES256', 'EdDSA', 'RS256']);
  for (const { kid, alg, status, created_at, activated_at, retired_at, public_jwk } of keys) {
    expect(public_jwk).toMatchObject({ kid, alg, use: 'sig' });
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(public_jwk).not.toHaveProperty(member);
    expect(created_at).toBe(new Date(START).toISOString());
    expect(activated_at).toBe(status === 'active' ? created_at : null);
    expect(retired_at).toBeNull();
  }
});

test('a rotation is refused while the next key is too young for every verifier to have it, and says from when on', async () => {
  vi.setSystemTime(START + PUBLISHED - 1);
  const before = await listed();
  const refused = await rotate();
  expect(refused.headers.get('Retry-After')).toBe('1');
  expect((await problemOf(refused, 409)).detail).toContain(new Date(START + PUBLISHED).toISOString());
  expect(await listed()).toEqual(before);
  vi.setSystemTime(START);
  expect((await rotate({ alg: 'RS256' })).headers.get('Retry-After')).toBe(String(PUBLISHED / SECOND));
});

test('a rotation lets the next keys sign; tokens of the old ones verify, which stay published until the last has expired', async () => {
  const { worker, api: caller } = await world('rotated-keys', { access_token_ttl: ACCESS_TOKEN_TTL_MAX });
  const before = await listed();
  const old = await signedWith(worker);
  expect(old.kid).toBe(kids(before, 'active').ES256);

  const rotatedAt = Date.now();
  const { data: after } = await done<{ data: SigningKey[] }>('POST', 'signing-keys/rotate', { body: {} });
  expect(kids(after, 'active')).toEqual(kids(before, 'next'));
  expect(kids(after, 'retiring')).toEqual(kids(before, 'active'));
  expect(after).toHaveLength(9);
  expect((await listed()).sort(byKid)).toEqual(after.sort(byKid));
  for (const key of after) {
    if (key.status === 'active') expect(key.activated_at).toBe(new Date(rotatedAt).toISOString());
    if (key.status === 'retiring') expect(key.retired_at).toBe(new Date(rotatedAt).toISOString());
  }

  const made = await signedWith(worker);
  expect(made.kid).toBe(kids(before, 'next').ES256);
  expect(await isActive(caller, made.token)).toBe(true);
  expect(await isActive(caller, old.token)).toBe(true);
  expect(await published()).toHaveLength(9);
  const action = 'signing_keys.rotated';
  const { data: events } = await done<{ data: AuditEvent[] }>('GET', `audit-events?action=${action}&limit=1`);
  expect(events).toMatchObject([{ actor: 'root', organization_id: null }]);
  expect(Object.values(kids(before, 'next'))).toEqual(expect.arrayContaining(events[0]?.changes.active as string[]));

  vi.setSystemTime(rotatedAt + KEPT);
  await runScheduled(Date.now());
  expect(await published()).toContain(old.kid);
  pass(1);
  await runScheduled(Date.now());
  expect(await published()).toHaveLength(6);
  expect(await published()).not.toContain(old.kid);
  expect((await signedWith(worker)).kid).toBe(made.kid);
});

function byKid(one: SigningKey, other: SigningKey): number {
  return one.kid < other.kid ? -1 : 1;
}

test('an isolate that has a ring under its lease signs by the new key once that has ended, and nothing it signs is lost', async () => {
  const { worker, api: caller } = await world('leased');
  const old = await signedWith(worker);
  await done('POST', 'signing-keys/rotate', { body: { alg: 'ES256' } });
  const { access_token: late } = await getToken(worker);
  pass(KEY_RING_LEASE * SECOND);
  const { access_token: next } = await getToken(worker);
  expect(decodeProtectedHeader(next).kid).not.toBe(old.kid);
  expect(await isActive(caller, late)).toBe(true);
  expect(await isActive(caller, next)).toBe(true);
});

test('the keys of one algorithm rotate alone', async () => {
  const before = await listed();
  const { data: after } = await done<{ data: SigningKey[] }>('POST', 'signing-keys/rotate', { body: { alg: 'EdDSA' } });
  const { EdDSA, ...others } = kids(before, 'active');
  expect(kids(after, 'active')).toEqual({ ...others, EdDSA: kids(before, 'next').EdDSA });
  expect(kids(after, 'retiring').EdDSA).toBe(EdDSA);
  expect(kids(after, 'next')).toMatchObject({ ES256: kids(before, 'next').ES256, RS256: kids(before, 'next').RS256 });
  await problemOf(await rotate({ alg: 'EdDSA' }), 409);
  // One that is too young keeps all of them from it.
  await problemOf(await rotate(), 409);
  expect(kids(await listed(), 'active')).toEqual(kids(after, 'active'));
});

test('of rotations at the same time one wins, all of it, and one of a single algorithm does not tear it apart', async () => {
  const before = await listed();
  const answers = await Promise.all([{}, { alg: 'RS256' }, {}, { alg: 'RS256' }, {}].map(rotate));
  const won = answers.filter(({ status }) => status === 200);
  expect(won).toHaveLength(1);
  for (const answer of answers.filter((one) => !won.includes(one))) {
    expect(answer.headers.get('Retry-After')).toBe(String(PUBLISHED / SECOND));
    await problemOf(answer, 409);
  }
  const after = await listed();
  const places = after.filter(({ status }) => status !== 'retiring').map(({ alg, status }) => `${alg} ${status}`);
  expect(places.sort()).toEqual(['ES256', 'EdDSA', 'RS256'].flatMap((alg) => [`${alg} active`, `${alg} next`]).sort());
  const shown = (await won[0]?.json<{ data: SigningKey[] }>())?.data;
  expect(kids(after, 'active')).toEqual(kids(shown ?? [], 'active'));
  expect(kids(after, 'active').RS256).toBe(kids(before, 'next').RS256);
  const rotations = await rowsOf(
    "SELECT 1 FROM audit_events WHERE action = 'signing_keys.rotated' AND at = ?",
    Date.now(),
  );
  expect(rotations).toHaveLength(1);
});

test('a repeat with the same key rotates once', async () => {
  const headers = { 'Idempotency-Key': 'rotate-once' };
  const first = await done<{ data: SigningKey[] }>('POST', 'signing-keys/rotate', { body: {}, headers });
  expect(await done('POST', 'signing-keys/rotate', { body: {}, headers })).toEqual(first);
  const { ES256 = '' } = kids(first.data, 'active');
  expect(await eventsAbout(ES256, 'signing_keys.rotated')).toHaveLength(1);
});

test('an algorithm that is none, a field that is none, and an organization’s key are refused', async () => {
  const before = await listed();
  expect((await problemOf(await rotate({ alg: 'HS256' }), 422)).errors).toMatchObject([{ pointer: '/alg' }]);
  expect((await problemOf(await rotate({ kid: 'x' }), 422)).errors).toMatchObject([{ pointer: '/kid' }]);
  const { organization } = await world('not-root');
  const body = { organization_id: organization, name: 'x', scopes: ['clients:write', 'tokens:revoke'] };
  const { api_key: key = '' } = await create('api-keys', body);
  await problemOf(await api('GET', 'signing-keys', { key }), 403);
  await problemOf(await api('POST', 'signing-keys/rotate', { key, body: {} }), 403);
  expect(await listed()).toEqual(before);
});
