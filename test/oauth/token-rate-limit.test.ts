import { type Item, isInnerList, parseList } from 'structured-headers';
import { describe, expect, test } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { type Credentials, create, requestToken, world } from '../http.ts';
import { readError, readToken } from './answers.ts';

const { organization, identifier } = await world('token-rate-limit');

function createClient(client_name: string, per_minute: number, burst: number): Promise<Credentials> {
  return create<Credentials>('clients', {
    organization_id: organization,
    client_name,
    grants: [{ resource_server: identifier, scopes: ['read'] }],
    rate_limit: { per_minute, burst },
  });
}

/** Reads a field that must be a Structured Field list (RFC 9651) of one named item, whose parameters are whole numbers. */
function readField(response: Response, field: string): Record<string, number> {
  const list = parseList(response.headers.get(field) ?? '');
  expect(list).toHaveLength(1);
  const [item] = list;
  if (!item || isInnerList(item)) throw new Error(`${field} is no list of items`);
  const [name, parameters]: Item = item;
  expect(name).toBe('client');
  const numbers = Object.fromEntries(parameters) as Record<string, number>;
  for (const number of Object.values(numbers)) {
    expect(Number.isSafeInteger(number)).toBe(true);
    expect(number).toBeGreaterThanOrEqual(0);
  }
  return numbers;
}

describe('the rate limit of a client', () => {
  test.each([
    [1, 1],
    [1, 3],
    [7, 2],
    [30, 2],
  ])('T19: with %i a minute and a burst of %i the fields are valid and tell what happens', async (perMinute, burst) => {
    const client = await createClient(`${perMinute} ${burst}`, perMinute, burst);
    const policy = { q: burst, w: Math.ceil((burst * 60) / perMinute) };
    let limited = await requestToken(client);
    for (let spent = 1; limited.status === 200; spent++) {
      expect(readField(limited, 'RateLimit-Policy')).toEqual(policy);
      // A fast refill may have added some allowance already.
      if (perMinute === 1) expect(readField(limited, 'RateLimit').r).toBe(burst - spent);
      limited = await requestToken(client);
    }
    expect(readField(limited, 'RateLimit-Policy')).toEqual(policy);
    expect(readField(limited, 'RateLimit').r).toBe(0);
    expect(await readError(limited)).toEqual({ status: 429, error: 'slow_down' });
  });

  test('T19: a 429 is not cached, and Retry-After is not earlier than the reset that RateLimit names', async () => {
    const client = await createClient('spent', 1, 1);
    await readToken(await requestToken(client));
    for (let i = 0; i < 3; i++) {
      const limited = await requestToken(client);
      const retryAfter = limited.headers.get('Retry-After') ?? '';
      expect(retryAfter).toMatch(/^[1-9]\d*$/);
      const { t = Number.NaN } = readField(limited, 'RateLimit');
      expect(t).toBeGreaterThanOrEqual(1);
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(t);
      // readError() checks that no cache keeps it.
      expect(await readError(limited)).toEqual({ status: 429, error: 'slow_down' });
    }
  });

  test('T19: a request that is refused for what it asks tells the limit too, and is counted', async () => {
    const client = await createClient('refused', 1, 2);
    const refused = await requestToken(client, { scope: 'unknown' });
    expect(refused.status).toBe(400);
    expect(readField(refused, 'RateLimit').r).toBe(1);
  });

  test('T19: the limit of one client is not another’s', async () => {
    const [spent, other] = [await createClient('one', 1, 1), await createClient('other', 1, 1)];
    await readToken(await requestToken(spent));
    expect((await requestToken(spent)).status).toBe(429);
    await readToken(await requestToken(other));
  });
});

describe('guessing', () => {
  const guess = (client: Credentials, address: string) =>
    requestToken({ ...client, client_secret: generateSecret('ems_') }, {}, { address });

  test('T4: guessing is throttled, and the real client is not locked out by it', async () => {
    const client = await createClient('guessed at', 1, 2);
    const statuses = new Map<number, number>();
    for (let i = 0; i < 200; i++) {
      const answer = await guess(client, '198.51.100.1');
      if (answer.status === 429) expect(answer.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
      const { status } = await readError(answer);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect([...statuses.keys()].sort()).toEqual([401, 429]);
    expect(statuses.get(401)).toBeLessThanOrEqual(40);

    // None of them was charged to the client's allowance of two.
    const first = await requestToken(client, {}, { address: '198.51.100.2' });
    expect(readField(first, 'RateLimit').r).toBe(1);
    await readToken(first);
    await readToken(await requestToken(client, {}, { address: '198.51.100.2' }));
  });

  test('T4: nor is it locked out at the address that the guesses come from', async () => {
    const client = await createClient('guessed at nearby', 600, 10);
    await readToken(await requestToken(client, {}, { address: '198.51.100.3' }));
    for (let i = 0; i < 200; i++) await guess(client, '198.51.100.3');
    await readToken(await requestToken(client, {}, { address: '198.51.100.3' }));
  });

  test('T4: ids and secrets that are no one’s are throttled alike', async () => {
    const invented = { client_id: 'emc_0123456789ABCDEFGHIJKLMNOPQRST', client_secret: 'guess' };
    const statuses = [];
    for (let i = 0; i < 40; i++) statuses.push((await requestToken(invented, {}, { address: '198.51.100.4' })).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
  });
});
