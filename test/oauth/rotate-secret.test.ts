import { afterEach, describe, expect, test, vi } from 'vitest';
import { GRACE_MAX } from '../../src/constants.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { OWN_GRACE_MIN, ROTATION_RETRY_AFTER, ROTATION_RETRY_UNTIL } from '../../src/oauth/constants.ts';
import { holdingFirst } from '../faults/owed.ts';
import { basic, type Credentials, done, getToken, postForm, send, world } from '../http.ts';
import { failing, withFault } from '../instruments.ts';
import { eventsAbout, promote, removeSecret, rotated, secretsOf, tokenStatus } from '../management/secrets.ts';
import { expectUncached, readError } from './answers.ts';

const PATH = '/oauth2/rotate-secret';
const START = new Date('2027-10-01T12:00:00Z').getTime();
const CONFLICT = { status: 409, error: 'invalid_request' };

let counter = 0;
const fresh = (client?: Record<string, unknown>) => world(`self-${++counter}`, { may_rotate_secret: true, ...client });

function rotate({ client_id, client_secret }: Credentials, form: Record<string, string> = {}, address = '192.0.2.1') {
  return postForm(PATH, form, { headers: { Authorization: basic(client_id, client_secret) }, address });
}

interface Answer {
  client_id: string;
  client_secret: string;
  secret_id: string;
  client_secret_expires_at: number;
  previous_secret_expires_at: number | null;
}

async function rotatedBy(client: Credentials, form?: Record<string, string>): Promise<Credentials & Answer> {
  const response = await rotate(client, form);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  expectUncached(response);
  return JSON.parse(text) as Answer;
}

function freezeClock(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
}

const report = ({ client_secret: secret }: Credentials) =>
  done('POST', 'leaked-secrets', { body: { secret }, key: null });
const patched = (body: object) => (client: Credentials) => done('PATCH', `clients/${client.client_id}`, { body });

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

afterEach(() => {
  vi.useRealTimers();
});

test('a client that may rotates its secret: the new one works at once, and the old one goes on', async () => {
  const { worker } = await fresh();
  const made = await rotatedBy(worker);
  expect(made).toEqual({
    client_id: worker.client_id,
    client_secret: expect.stringMatching(/^ems_/),
    secret_id: expect.stringMatching(/^sec_/),
    client_secret_expires_at: 0,
    previous_secret_expires_at: null,
  });
  expect(await Promise.all([tokenStatus(made), tokenStatus(worker)])).toEqual([200, 200]);
  const [primary, secondary] = await secretsOf(worker);
  expect(primary).toMatchObject({ id: made.secret_id, rank: 'primary' });
  expect(secondary).toMatchObject({ hint: worker.client_secret.slice(-4), expires_at: null });
});

test('it may as well present its secret in the body', async () => {
  const { worker } = await fresh();
  const answer = await postForm(PATH, { ...worker });
  expect(answer.status).toBe(200);
  expect(await tokenStatus(await answer.json<Answer>())).toBe(200);
});

test('the audit log names the client, and no secret', async () => {
  const { worker, organization } = await fresh();
  const made = await rotatedBy(worker, { grace_seconds: '300' });
  const [event] = await eventsAbout(worker.client_id, 'client.secret_rotated');
  expect(event).toMatchObject({
    actor: worker.client_id,
    organization_id: organization,
    address: '192.0.2.1',
    changes: { secret: made.secret_id, hint: made.client_secret.slice(-4), grace_seconds: 300 },
  });
  expect(JSON.stringify(event)).not.toContain(made.client_secret);
});

test('a grace ends the old secret by itself', async () => {
  freezeClock();
  const { worker } = await fresh();
  await getToken(worker);
  const made = await rotatedBy(worker, { grace_seconds: '600' });
  expect(made.previous_secret_expires_at).toBe(START / 1000 + 600);
  pass(599.999);
  expect(await tokenStatus(worker)).toBe(200);
  pass(0.001);
  expect(await tokenStatus(worker)).toBe(401);
  expect(await tokenStatus(made)).toBe(200);
});

test('without parameters a body may be left out, whatever content type a client sends by default', async () => {
  for (const type of ['application/json', 'application/x-www-form-urlencoded', undefined]) {
    const { worker } = await fresh();
    const headers = {
      Authorization: basic(worker.client_id, worker.client_secret),
      ...(type && { 'Content-Type': type }),
    };
    expect((await send(PATH, { method: 'POST', headers })).status).toBe(200);
  }
});

describe('is refused', () => {
  test('a client that was not granted it', async () => {
    const { worker } = await fresh({ may_rotate_secret: false });
    expect(await readError(await rotate(worker))).toEqual({ status: 400, error: 'unauthorized_client' });
    expect(await secretsOf(worker)).toHaveLength(1);
    await done('PATCH', `clients/${worker.client_id}`, { body: { may_rotate_secret: true } });
    await rotatedBy(worker);
  });

  test('whoever has not its secret, and a disabled client', async () => {
    const { worker, api } = await fresh();
    const denied = { status: 401, error: 'invalid_client' };
    for (const client_secret of [generateSecret('ems_'), api.client_secret, 'x']) {
      expect(await readError(await rotate({ ...worker, client_secret }, {}, '192.0.2.9'))).toEqual(denied);
    }
    expect(await readError(await postForm(PATH, {}))).toEqual(denied);
    await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
    expect(await readError(await rotate(worker))).toEqual(denied);
    expect(await secretsOf(worker)).toHaveLength(1);
  });

  test.each([
    '-1',
    '0',
    String(OWN_GRACE_MIN - 1),
    '301.5',
    '1e3',
    'soon',
    ' 500',
    String(GRACE_MAX + 1),
    '9'.repeat(30),
  ])('a grace of %j', async (grace) => {
    const { worker } = await fresh();
    const refused = await readError(await rotate(worker, { grace_seconds: grace }));
    expect(refused).toEqual({ status: 400, error: 'invalid_request' });
    expect(await secretsOf(worker)).toHaveLength(1);
  });

  test('two methods, another content type, another HTTP method', async () => {
    const { worker } = await fresh();
    expect((await readError(await rotate(worker, { ...worker }))).status).toBe(400);
    const headers = { Authorization: basic(worker.client_id, worker.client_secret) };
    expect((await readError(await send(PATH, { method: 'POST', headers, body: '{}' }))).status).toBe(415);
    expect(
      (
        await readError(
          await send(PATH, {
            method: 'POST',
            headers: { ...headers, 'Content-Type': 'text/plain' },
            body: 'grace_seconds=600',
          }),
        )
      ).status,
    ).toBe(415);
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD']) {
      const answer = await send(PATH, { method, headers });
      expect(answer.status).toBe(405);
      expect(answer.headers.get('Allow')).toBe('POST');
    }
    expect(await secretsOf(worker)).toHaveLength(1);
  });

  test.each([
    [
      'was deleted',
      async (worker: Credentials) => {
        const [, old] = await secretsOf(worker);
        await removeSecret(worker, old?.id ?? '');
      },
    ],
    ['was reported as leaked', report],
    ['is of a client that was disabled', patched({ status: 'disabled' })],
    ['is of a client that may not any more', patched({ may_rotate_secret: false })],
  ])('a secret that %s after the gate took it', async (how, end) => {
    const { worker } = await fresh();
    if (how === 'was deleted') await rotated(worker);
    await getToken(worker);
    const before = (await secretsOf(worker)).map(({ id }) => id);
    const refused = await holdingFirst('select "client_id", "organization_id"', async ({ held, release }) => {
      const answer = rotate(worker);
      await vi.waitFor(() => expect(held()).toBe(1));
      await end(worker);
      release();
      return answer;
    });
    expect(await readError(refused)).toEqual({ status: 401, error: 'invalid_client' });
    const left = (await secretsOf(worker)).map(({ id }) => id);
    expect(left).toEqual(how === 'was deleted' ? before.slice(0, 1) : before);
  });

  test('a client whose two secrets are both in use', async () => {
    freezeClock();
    const { worker } = await fresh();
    const made = await rotatedBy(worker);
    await getToken(made);
    pass(ROTATION_RETRY_AFTER);
    const before = (await secretsOf(worker)).map(({ id }) => id);
    for (const client of [worker, made]) expect(await readError(await rotate(client))).toEqual(CONFLICT);
    expect((await secretsOf(worker)).map(({ id }) => id)).toEqual(before);
    expect(await Promise.all([tokenStatus(worker), tokenStatus(made)])).toEqual([200, 200]);
  });

  test('all but one of several that rotate at once, and that one’s secret works', async () => {
    const { worker } = await fresh();
    await getToken(worker);
    const answers = await Promise.all(Array.from({ length: 20 }, () => rotate(worker)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(19).fill(409)]);
    const made = await answers.find(({ status }) => status === 200)?.json<Answer>();
    expect(await tokenStatus(made ?? worker)).toBe(200);
    expect((await secretsOf(worker))[0]?.id).toBe(made?.secret_id);
    expect(await tokenStatus(worker)).toBe(200);
    expect(await eventsAbout(worker.client_id, 'client.secret_rotated')).toHaveLength(1);
  });
});

describe('a client that never got its new secret', () => {
  test('makes another after a while, in the place of the one that nobody has', async () => {
    freezeClock();
    const { worker } = await fresh();
    const lost = await rotatedBy(worker, { grace_seconds: '3600' });
    pass(ROTATION_RETRY_AFTER - 1);
    const early = await rotate(worker);
    expect(early.headers.get('Retry-After')).toBe('1');
    expect(await readError(early)).toEqual(CONFLICT);
    pass(1);
    const made = await rotatedBy(worker, { grace_seconds: '600' });
    expect(await Promise.all([worker, lost, made].map(tokenStatus))).toEqual([200, 401, 200]);
    expect((await secretsOf(worker)).map(({ id, rank }) => [id, rank])).toEqual([
      [made.secret_id, 'primary'],
      [expect.not.stringMatching(lost.secret_id), 'secondary'],
    ]);
    pass(600);
    expect(await Promise.all([worker, made].map(tokenStatus))).toEqual([401, 200]);
  });

  test.each([
    ['no grace', {}, 3600],
    ['a longer grace', { grace_seconds: '7200' }, 3600],
    ['a shorter grace', { grace_seconds: '600' }, ROTATION_RETRY_AFTER + 600],
  ])('and asks with %s does not put off the end of the old one', async (_, form, end) => {
    freezeClock();
    const { worker } = await fresh();
    await rotatedBy(worker, { grace_seconds: '3600' });
    pass(ROTATION_RETRY_AFTER);
    const made = await rotatedBy(worker, form);
    expect(made.previous_secret_expires_at).toBe(START / 1000 + end);
    expect((await secretsOf(worker))[1]?.expires_at).toBe(new Date(START + end * 1000).toISOString());
    vi.setSystemTime(START + end * 1000 - 1);
    expect(await tokenStatus(worker)).toBe(200);
    pass(0.001);
    expect(await Promise.all([worker, made].map(tokenStatus))).toEqual([401, 200]);
  });

  test('can say so for a while: later it has more likely kept it', async () => {
    freezeClock();
    const { worker: prompt } = await fresh();
    const { worker: late } = await fresh();
    const [, kept] = [await rotatedBy(prompt), await rotatedBy(late)];
    pass(ROTATION_RETRY_UNTIL);
    await rotatedBy(prompt);
    pass(0.001);
    const refused = await rotate(late);
    expect(refused.headers.get('Retry-After')).toBeNull();
    expect(await readError(refused)).toEqual(CONFLICT);
    expect(await Promise.all([late, kept].map(tokenStatus))).toEqual([200, 200]);
  });

  test('because the gate could not be told: 503, and then in the same way', async () => {
    freezeClock();
    const { worker } = await fresh();
    await getToken(worker);
    let asked = 0;
    // The first call checks the credential, the second delivers the pushed record.
    const fault = (call: () => Promise<unknown>) => (++asked === 1 ? call() : Promise.reject(new Error('gone')));
    const answer = await withFault(`gate:${worker.client_id}`, fault, () => rotate(worker));
    expect(answer.headers.get('Retry-After')).toBe('2');
    expect(await readError(answer)).toEqual({ status: 503, error: 'temporarily_unavailable' });
    expect(await secretsOf(worker)).toHaveLength(2);
    expect(await tokenStatus(worker)).toBe(200);
    pass(ROTATION_RETRY_AFTER);
    const made = await rotatedBy(worker);
    expect(await Promise.all([worker, made].map(tokenStatus))).toEqual([200, 200]);
  });

  test('does not undo what an administrator did, or let the new secret’s holder rotate again', async () => {
    freezeClock();
    const { worker } = await fresh();
    const { answer } = await rotated(worker);
    pass(ROTATION_RETRY_AFTER);
    expect(await readError(await rotate(worker))).toEqual(CONFLICT);
    expect((await secretsOf(worker))[0]?.id).toBe(answer.id);

    const { worker: other } = await fresh();
    const made = await rotatedBy(other);
    pass(ROTATION_RETRY_AFTER);
    expect(await readError(await rotate(made))).toEqual(CONFLICT);
  });
});

test('a client whose primary secret was reported as leaked rotates with the other one, which goes on', async () => {
  const { worker } = await fresh();
  const { client } = await rotated(worker);
  await report(client);
  const made = await rotatedBy(worker);
  expect(await Promise.all([worker, client, made].map(tokenStatus))).toEqual([200, 401, 200]);
  expect((await promote(worker, made.secret_id)).status).toBe(409);
});

test('with D1 gone it is 503, and nothing has happened', async () => {
  const { worker } = await fresh();
  await getToken(worker);
  const answer = await failing('d1', () => rotate(worker));
  expect(answer.headers.get('Retry-After')).toBe('2');
  expect(await readError(answer)).toEqual({ status: 503, error: 'temporarily_unavailable' });
  expect(await secretsOf(worker)).toHaveLength(1);
  await rotatedBy(worker);
});
