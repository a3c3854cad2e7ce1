import { decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import { expect, test, vi } from 'vitest';
import { api, type Credentials, create, done, getToken, introspect, send, world } from '../http.ts';
import { startNewIsolate } from '../instruments.ts';
import { continueClockBetweenTests, DAY, kidsOf, SECOND, type SigningKey, START } from '../keys/keys.ts';
import { problemOf, rowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';
import { type AuditEvent, eventsAbout } from './secrets.ts';

/** The minimum age of a next key before it signs: JWKS cache time, the lease of an isolate's older key ring, and clock differences. */
const PUBLISHED = (600 + 120 + 60 + 60) * SECOND;
/** How long a retired key stays: until the last token has expired that an isolate signed before it learned of the retirement. */
const KEPT = DAY + (120 + 60 + 60) * SECOND;

// The ring is the whole deployment's, so time must not go back between tests.
continueClockBetweenTests();

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
  expect(Object.keys(kidsOf(keys, 'active')).sort()).toEqual(['ES256', 'EdDSA', 'RS256']);
  expect(Object.keys(kidsOf(keys, 'next')).sort()).toEqual(['ES256', 'EdDSA', 'RS256']);
  for (const { kid, alg, status, created_at, activated_at, retired_at, signs_from, public_jwk } of keys) {
    expect(public_jwk).toMatchObject({ kid, alg, use: 'sig' });
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(public_jwk).not.toHaveProperty(member);
    expect(created_at).toBe(new Date(START).toISOString());
    expect(activated_at).toBe(status === 'active' ? created_at : null);
    expect(retired_at).toBeNull();
    // No cached JWKS lacks one of the first keys, so the next keys may sign at once.
    expect(signs_from).toBe(created_at);
  }
});

test('a rotation lets the next keys sign; tokens of the old ones verify, which stay published until the last has expired', async () => {
  const { worker, api: caller } = await world('rotated-keys', { access_token_ttl: DAY / SECOND });
  const before = await listed();
  const old = await signedWith(worker);
  expect(old.kid).toBe(kidsOf(before, 'active').ES256);

  const rotatedAt = Date.now();
  const { data: after } = await done<{ data: SigningKey[] }>('POST', 'signing-keys/rotate', { body: {} });
  expect(kidsOf(after, 'active')).toEqual(kidsOf(before, 'next'));
  expect(kidsOf(after, 'retiring')).toEqual(kidsOf(before, 'active'));
  expect(after).toHaveLength(9);
  expect((await listed()).sort(byKid)).toEqual(after.sort(byKid));
  for (const key of after) {
    if (key.status === 'active') expect(key.activated_at).toBe(new Date(rotatedAt).toISOString());
    if (key.status === 'retiring') expect(key.retired_at).toBe(new Date(rotatedAt).toISOString());
  }

  const made = await signedWith(worker);
  expect(made.kid).toBe(kidsOf(before, 'next').ES256);
  expect(await isActive(caller, made.token)).toBe(true);
  expect(await isActive(caller, old.token)).toBe(true);
  expect(await published()).toHaveLength(9);
  const action = 'signing_keys.rotated';
  const { data: events } = await done<{ data: AuditEvent[] }>('GET', `audit-events?action=${action}&limit=1`);
  expect(events).toMatchObject([{ actor: 'root', organization_id: null }]);
  expect(Object.values(kidsOf(before, 'next'))).toEqual(expect.arrayContaining(events[0]?.changes.active as string[]));

  vi.setSystemTime(rotatedAt + KEPT);
  await runScheduled(Date.now());
  expect(await published()).toContain(old.kid);
  pass(1);
  await runScheduled(Date.now());
  expect(await published()).toHaveLength(6);
  expect(await published()).not.toContain(old.kid);
  expect((await signedWith(worker)).kid).toBe(made.kid);
});

test('a rotation is refused while the next key is too young for every verifier to have it, and says from when on', async () => {
  await done('POST', 'signing-keys/rotate', { body: {} });
  const made = Date.now();
  const before = await listed();
  for (const { status, signs_from } of before.filter((key) => key.status === 'next')) {
    expect({ status, signs_from }).toEqual({ status, signs_from: new Date(made + PUBLISHED).toISOString() });
  }
  expect((await rotate({ alg: 'RS256' })).headers.get('Retry-After')).toBe(String(PUBLISHED / SECOND));
  vi.setSystemTime(made + PUBLISHED - 1);
  const refused = await rotate();
  expect(refused.headers.get('Retry-After')).toBe('1');
  expect((await problemOf(refused, 409)).detail).toContain(new Date(made + PUBLISHED).toISOString());
  expect(await listed()).toEqual(before);
  vi.setSystemTime(made + PUBLISHED);
  expect((await rotate()).status).toBe(200);
});

function byKid(one: SigningKey, other: SigningKey): number {
  return one.kid < other.kid ? -1 : 1;
}

test('an isolate that has a ring under its lease signs by the new key once that has ended, and nothing it signs is lost', async () => {
  const { worker, api: caller } = await world('leased');
  const old = await signedWith(worker);
  await done('POST', 'signing-keys/rotate', { body: { alg: 'ES256' } });
  const { access_token: late } = await getToken(worker);
  pass(60 * SECOND);
  const { access_token: next } = await getToken(worker);
  expect(decodeProtectedHeader(next).kid).not.toBe(old.kid);
  expect(await isActive(caller, late)).toBe(true);
  expect(await isActive(caller, next)).toBe(true);
});

test('the keys of one algorithm rotate alone', async () => {
  const before = await listed();
  const { data: after } = await done<{ data: SigningKey[] }>('POST', 'signing-keys/rotate', { body: { alg: 'EdDSA' } });
  const { EdDSA, ...others } = kidsOf(before, 'active');
  expect(kidsOf(after, 'active')).toEqual({ ...others, EdDSA: kidsOf(before, 'next').EdDSA });
  expect(kidsOf(after, 'retiring').EdDSA).toBe(EdDSA);
  expect(kidsOf(after, 'next')).toMatchObject({
    ES256: kidsOf(before, 'next').ES256,
    RS256: kidsOf(before, 'next').RS256,
  });
  await problemOf(await rotate({ alg: 'EdDSA' }), 409);
  // Without `alg` all keys would rotate, but one that is too young prevents it.
  await problemOf(await rotate(), 409);
  expect(kidsOf(await listed(), 'active')).toEqual(kidsOf(after, 'active'));
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
  expect(kidsOf(after, 'active')).toEqual(kidsOf(shown ?? [], 'active'));
  expect(kidsOf(after, 'active').RS256).toBe(kidsOf(before, 'next').RS256);
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
  const { ES256 = '' } = kidsOf(first.data, 'active');
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
