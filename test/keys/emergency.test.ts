import { env } from 'cloudflare:workers';
import { decodeProtectedHeader } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { problemOf, rowsOf } from '../management/rows.ts';
import { eventsAbout } from '../management/secrets.ts';
import { Isolate, kvReading, LOST_D1 } from './isolate.ts';
import { clientsByAlg, isolatePerTest, kidsOf, listKeys, MINUTE, SECOND, type SigningKey } from './keys.ts';

/** The promised limits: how far a copy may lag, and how long a ring is held. */
const COPY_BEHIND = 2 * MINUTE;
const LEASE = MINUTE;
/** The age at which a key may sign, unless it belongs to the first ring. */
const MATURE = 14 * MINUTE;

interface Change {
  readonly id: string;
  readonly status: 'pending' | 'delivered';
  readonly settles_at: string | null;
}

const { clients, caller } = await clientsByAlg();

const isolate = isolatePerTest();

const listed = () => listKeys(isolate);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const change = ({ id }: Change, at = isolate) => at.done<Change>('GET', `changes/${id}`);

function emergency(body: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  return isolate.api('POST', 'signing-keys/rotate', { emergency: true, ...body }, { headers });
}

/** Requests an emergency that must be accepted. */
async function accepted(asked: Promise<Response>): Promise<Change> {
  const answer = await asked;
  expect(answer.status).toBe(202);
  const made = await answer.json<Change>();
  expect(answer.headers.get('Location')).toBe(`https://auth.example.com/v1/changes/${made.id}`);
  return made;
}

test('in an emergency the key leaves the JWKS at once, its tokens are inactive on the next introspection, and the next key signs', async () => {
  const before = await listed();
  const token = await isolate.getToken(clients.ES256);
  const other = await isolate.getToken(clients.RS256);
  expect(await isolate.isActive(caller, token)).toBe(true);

  const { status, settles_at } = await accepted(emergency({ alg: 'ES256' }));
  expect(await isolate.isActive(caller, token)).toBe(false);
  expect(await isolate.isActive(caller, other)).toBe(true);
  expect((await isolate.jwks()).kids).not.toContain(kidOf(token));
  expect(kidOf(await isolate.getToken(clients.ES256))).toBe(kidsOf(before, 'next').ES256);
  expect({ status, settles_at }).toEqual({
    status: 'pending',
    settles_at: new Date(Date.now() + COPY_BEHIND + LEASE).toISOString(),
  });

  const after = await listed();
  expect(kidsOf(after, 'active')).toEqual({ ...kidsOf(before, 'active'), ES256: kidsOf(before, 'next').ES256 });
  expect(kidsOf(after, 'retiring').ES256).toBeUndefined();
  expect(kidsOf(after, 'next').ES256).not.toBe(kidsOf(before, 'next').ES256);
  const [event] = await eventsAbout(kidOf(token) ?? '', 'signing_keys.revoked');
  expect(event).toMatchObject({
    actor: 'root',
    changes: { active: [kidsOf(after, 'active').ES256], revoked: [kidOf(token)] },
  });
});

test('an emergency without an algorithm takes out the keys that sign with any', async () => {
  const before = await listed();
  const tokens = await Promise.all(Object.values(clients).map((client) => isolate.getToken(client)));
  await accepted(emergency());
  for (const token of tokens) expect(await isolate.isActive(caller, token)).toBe(false);
  expect(kidsOf(await listed(), 'active')).toEqual(kidsOf(before, 'next'));
});

test('a change is pending until no isolate has the key: not one that held its ring, nor one that read a copy of before', async () => {
  const begun = Date.now();
  const rows = await env.KV.get('key-ring', 'json');
  // KV at another location: it lags as far as it may, in its entries and in missing entries, and its copy is never updated.
  const behind = kvReading(async (key) => {
    if (key === 'key-ring') return rows;
    return Date.now() < begun + COPY_BEHIND ? null : env.KV.get(key);
  });
  const holding = new Isolate();
  const late = new Isolate({ DB: LOST_D1, KV: behind });
  const token = await holding.getToken(clients.ES256);

  const made = await accepted(emergency({ alg: 'ES256' }));
  vi.setSystemTime(begun + LEASE / 2 - 1);
  expect((await holding.jwks()).kids).toContain(kidOf(token));
  vi.setSystemTime(begun + LEASE);
  expect(await holding.isActive(caller, token)).toBe(false);

  vi.setSystemTime(begun + COPY_BEHIND - 1);
  expect(await late.isActive(caller, token)).toBe(true);
  vi.setSystemTime(begun + COPY_BEHIND + LEASE - 1);
  expect(await change(made)).toMatchObject({ status: 'pending' });
  vi.setSystemTime(begun + COPY_BEHIND + LEASE);
  expect(await change(made)).toMatchObject({ status: 'delivered' });
  for (const one of [isolate, holding, late]) {
    expect(await one.isActive(caller, token)).toBe(false);
    expect((await one.jwks()).kids).not.toContain(kidOf(token));
    expect(kidOf(await one.getToken(clients.ES256))).toBe(kidsOf(await listed(), 'active').ES256);
  }
});

test('a repeat with the same key is 202 until the change is delivered, then 200, and takes out no other key', async () => {
  const headers = { 'Idempotency-Key': crypto.randomUUID() };
  const made = await accepted(emergency({ alg: 'RS256' }, headers));
  const after = await listed();
  expect(await accepted(emergency({ alg: 'RS256' }, headers))).toEqual(made);
  vi.setSystemTime(Date.now() + COPY_BEHIND + LEASE);
  const repeated = await emergency({ alg: 'RS256' }, headers);
  expect(repeated.status).toBe(200);
  expect(kidsOf((await repeated.json<{ data: SigningKey[] }>()).data, 'active')).toEqual(kidsOf(after, 'active'));
  expect(await listed()).toEqual(after);
});

describe('a key that is named', () => {
  test('as the active one is followed by the next', async () => {
    const before = await listed();
    await accepted(emergency({ kid: kidsOf(before, 'active').EdDSA }));
    expect(kidsOf(await listed(), 'active')).toEqual({
      ...kidsOf(before, 'active'),
      EdDSA: kidsOf(before, 'next').EdDSA,
    });
  });

  test('as the next one is replaced, and never signs', async () => {
    const before = await listed();
    const { ES256 } = kidsOf(before, 'next');
    await accepted(emergency({ kid: ES256 }));
    const after = await listed();
    expect(kidsOf(after, 'active')).toEqual(kidsOf(before, 'active'));
    expect(kidsOf(after, 'next')).toEqual({
      ...kidsOf(before, 'next'),
      ES256: expect.not.stringMatching(`^${ES256}$`),
    });
    expect((await isolate.jwks()).kids).not.toContain(ES256);
  });

  test('as one that retires leaves at once, with its tokens, and nothing else changes', async () => {
    const token = await isolate.getToken(clients.ES256);
    const { data: before } = await isolate.done<{ data: SigningKey[] }>('POST', 'signing-keys/rotate', {
      alg: 'ES256',
    });
    expect(kidsOf(before, 'retiring').ES256).toBe(kidOf(token));
    expect(await isolate.isActive(caller, token)).toBe(true);
    await accepted(emergency({ kid: kidOf(token) }));
    expect(await isolate.isActive(caller, token)).toBe(false);
    expect((await isolate.jwks()).kids).not.toContain(kidOf(token));
    expect(kidsOf(await listed(), 'retiring').ES256).not.toBe(kidOf(token));
    expect(kidsOf(await listed(), 'active')).toEqual(kidsOf(before, 'active'));
    expect(kidsOf(await listed(), 'next')).toEqual(kidsOf(before, 'next'));
  });

  test('is refused where it is none, was revoked already, or comes with an algorithm or without an emergency', async () => {
    const before = await listed();
    const { ES256: kid } = kidsOf(before, 'active');
    const pointers = async (answer: Promise<Response>) =>
      (await problemOf(await answer, 422)).errors?.map(({ pointer }) => pointer);
    expect(await pointers(emergency({ kid: 'unknown' }))).toEqual(['/kid']);
    expect(await pointers(emergency({ kid, alg: 'ES256' }))).toEqual(['/kid']);
    expect(await pointers(isolate.api('POST', 'signing-keys/rotate', { kid }))).toEqual(['/kid']);
    expect(await listed()).toEqual(before);
    await accepted(emergency({ kid }));
    const after = await listed();
    expect(await pointers(emergency({ kid }))).toEqual(['/kid']);
    expect(await listed()).toEqual(after);
  });
});

test('for three minutes after a key took over an emergency must name one: the one before it may be meant', async () => {
  await isolate.done('POST', 'signing-keys/rotate', { alg: 'ES256' });
  const begun = Date.now();
  const before = await listed();
  vi.setSystemTime(begun + COPY_BEHIND + LEASE - 1);
  for (const body of [{ alg: 'ES256' }, {}]) {
    const { detail } = await problemOf(await emergency(body), 409);
    expect(detail).toContain(kidsOf(before, 'active').ES256);
  }
  expect(await listed()).toEqual(before);
  await accepted(emergency({ alg: 'RS256' }));
  await accepted(emergency({ kid: kidsOf(before, 'retiring').ES256 }));
  vi.setSystemTime(begun + COPY_BEHIND + LEASE + 1);
  await accepted(emergency({ alg: 'ES256' }));
});

test('where the next key is too young, the algorithm has none until it is not, and says until when; the others go on', async () => {
  await accepted(emergency({ alg: 'ES256' }));
  const young = Date.now();
  const token = await isolate.getToken(clients.ES256);
  vi.setSystemTime(young + 5 * MINUTE);
  await accepted(emergency({ kid: kidOf(token) }));
  expect(await isolate.isActive(caller, token)).toBe(false);
  const key = (await listed()).find(({ alg, status }) => alg === 'ES256' && status === 'active');
  expect(key?.signs_from).toBe(new Date(young + MATURE).toISOString());
  expect((await isolate.jwks()).kids).toContain(key?.kid);

  const cold = new Isolate({ DB: LOST_D1 });
  for (const one of [isolate, new Isolate(), cold]) {
    const refused = await one.requestToken(clients.ES256);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('Retry-After')).toBe(String((9 * MINUTE) / SECOND));
    expect(await refused.json()).toMatchObject({ error: 'temporarily_unavailable' });
    for (const client of [clients.RS256, clients.EdDSA]) {
      expect(await one.isActive(caller, await one.getToken(client))).toBe(true);
    }
  }
  vi.setSystemTime(young + MATURE - 1);
  expect((await isolate.requestToken(clients.ES256)).headers.get('Retry-After')).toBe('1');
  vi.setSystemTime(young + MATURE);
  for (const one of [isolate, cold]) expect(kidOf(await one.getToken(clients.ES256))).toBe(key?.kid);
});

describe('of emergencies at the same time', () => {
  const revocations = async () =>
    rowsOf("SELECT 1 FROM audit_events WHERE action = 'signing_keys.revoked' AND at = ?", Date.now());

  test.each([
    ['about the key that is named', 422, async () => ({ kid: kidsOf(await listed(), 'active').ES256 })],
    ['about the active key', 409, async () => ({ alg: 'ES256' })],
  ])('%s one wins, and the key that follows stays', async (_, refusal, asked) => {
    const before = await listed();
    const body = await asked();
    const answers = await Promise.all([1, 2, 3].map(() => emergency(body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, refusal, refusal]);
    expect(kidsOf(await listed(), 'active').ES256).toBe(kidsOf(before, 'next').ES256);
    expect(await revocations()).toHaveLength(1);
    expect((await isolate.requestToken(clients.ES256)).status).toBe(200);
  });
});
