import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TokenOptions, TokenSourceEvent, TokenSourceOptions } from '../../src/sdk/client.ts';
import { SdkError, type TokenSource, tokenSource } from '../../src/sdk/client.ts';
import { FakeIssuer, ISSUER, json } from './server.ts';

// What a source does at which moment. The time is that of the test; the server has a clock of its own.

const SECRET = { id: 'machine', secret: 'a-secret' };

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-29T12:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function sourceAt(server: FakeIssuer, options: Partial<TokenSourceOptions> = {}) {
  const events: TokenSourceEvent[] = [];
  const onEvent = (event: TokenSourceEvent) => events.push(event);
  return {
    source: tokenSource({ issuer: ISSUER, client: SECRET, fetch: server.fetch, onEvent, ...options }),
    events,
    failures: () => events.flatMap((event) => (event.type === 'failure' ? [event] : [])),
  };
}

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000);

/** Returns the access token, or the error, without letting time pass. */
async function outcome(source: TokenSource, options?: TokenOptions): Promise<string | SdkError> {
  const promise = source.token(options).then(
    ({ access_token }) => access_token,
    (error) => error,
  );
  await seconds(0);
  return promise;
}

/** A server that does not answer token requests until the test says so. */
function holding(server: FakeIssuer) {
  const held: (() => void)[] = [];
  server.refuse = () => new Promise((resolve) => held.push(() => resolve(json({ error: 'server_error' }, 500))));
  return held;
}

describe('a cold source', () => {
  test.each([60, 300, 3600])(
    'with 1,000 calls at once and a lifetime of %i s makes one token request',
    async (lifetime) => {
      const server = new FakeIssuer();
      server.lifetime = lifetime;
      const { source } = sourceAt(server);
      const tokens = await Promise.all(Array.from({ length: 1000 }, () => source.token()));
      expect(server.tokenRequests).toHaveLength(1);
      expect(server.requests).toHaveLength(2);
      expect(new Set(tokens.map(({ access_token }) => access_token))).toEqual(new Set(['t1']));
    },
  );

  test('asks for nothing before its first call', async () => {
    const server = new FakeIssuer();
    sourceAt(server);
    await seconds(3600);
    expect(server.requests).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('returns the token with its end by the clock of the server, and the granted scope', async () => {
    const server = new FakeIssuer(-600_000);
    server.token = { scope: 'orders:read', token_type: 'bearer' };
    const { source } = sourceAt(server, {
      resource: ['https://a.example', 'https://b.example'],
      scope: ['orders:read', 'x'],
    });
    const token = await source.token();
    expect(token).toEqual({
      access_token: 't1',
      token_type: 'Bearer',
      expires_at: Math.floor(server.now / 1000) + 300,
      scope: 'orders:read',
    });
    const [request] = server.tokenRequests;
    expect(request?.form.getAll('resource')).toEqual(['https://a.example', 'https://b.example']);
    expect(Object.fromEntries(request?.form ?? [])).toMatchObject({
      grant_type: 'client_credentials',
      scope: 'orders:read x',
    });
  });

  test('sends audience, scope and further parameters as they are', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server, { audience: 'orders', scope: 'a b', parameters: { claims: '{"a":1}' } });
    await source.token();
    const form = Object.fromEntries(server.tokenRequests[0]?.form ?? []);
    expect(form).toEqual({ grant_type: 'client_credentials', audience: 'orders', scope: 'a b', claims: '{"a":1}' });
  });

  test('without expires_in takes the lifetime of the options', async () => {
    const server = new FakeIssuer();
    server.token = { expires_in: undefined };
    const { source } = sourceAt(server, { defaultLifetime: 50 });
    expect((await source.token()).expires_at).toBe(Math.floor(server.now / 1000) + 50);
  });

  test.each([
    ['no token', { access_token: undefined }, 'invalid_answer'],
    ['an empty token', { access_token: '' }, 'invalid_answer'],
    ['an unknown type', { token_type: 'mac' }, 'invalid_answer'],
    ['no lifetime', { expires_in: 0 }, 'invalid_answer'],
    ['a negative lifetime', { expires_in: -5 }, 'invalid_answer'],
    ['a lifetime that is no number', { expires_in: 'soon' }, 'invalid_answer'],
  ])('refuses an answer with %s', async (_, token, code) => {
    const server = new FakeIssuer();
    server.token = token;
    const { source } = sourceAt(server);
    expect(await outcome(source)).toMatchObject({ code, status: 200, isTemporary: false });
  });
});

describe('renewal', () => {
  test('is in the background: the old token is returned at once, however long the server takes', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server);
    await source.token();
    const held = holding(server);
    await seconds(285);
    const tokens = await Promise.all(Array.from({ length: 1000 }, () => outcome(source)));
    expect(new Set(tokens)).toEqual(new Set(['t1']));
    expect(server.tokenRequests).toHaveLength(2);
    server.refuse = () => undefined;
    held[0]?.();
    await seconds(2);
    await outcome(source);
    await seconds(0);
    expect(await outcome(source)).toBe('t3');
  });

  test.each([60, 300, 3600])(
    'of tokens of %i s is after a share of their lifetime, never a fixed margin',
    async (lifetime) => {
      const moments: number[] = [];
      for (let count = 0; count < 20; count++) {
        const server = new FakeIssuer();
        server.lifetime = lifetime;
        const { source } = sourceAt(server);
        await source.token();
        const start = server.now;
        while (server.tokenRequests.length < 4) {
          await seconds(lifetime / 60);
          await source.token();
        }
        const times = [start, ...server.tokenRequests.slice(1).map(({ at }) => at)];
        moments.push(...times.slice(1).map((at, index) => (at - (times[index] ?? 0)) / 1000 / lifetime));
      }
      const [first, later] = [
        moments.filter((_, index) => index % 3 === 0),
        moments.filter((_, index) => index % 3 > 0),
      ];
      expect(Math.min(...first)).toBeGreaterThan(0.05);
      expect(Math.max(...first)).toBeLessThan(0.92);
      expect(Math.min(...later)).toBeGreaterThanOrEqual(0.6);
      expect(Math.max(...later)).toBeLessThan(0.92);
      expect(new Set(later).size).toBeGreaterThan(5);
    },
  );

  test('of 1,000 sources that start in the same second with tokens of 300 s is spread over the next hour', async () => {
    vi.useRealTimers();
    // Millions of calls would take too long with the clocks of Vitest.
    let time = 0;
    vi.stubGlobal('performance', { now: () => time });
    vi.stubGlobal('Date', Object.assign(class extends Date {}, { now: () => 1_800_000_000_000 + time }));
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const server = new FakeIssuer();
    const sources = Array.from({ length: 1000 }, () => sourceAt(server).source);
    await Promise.all(sources.map((source) => source.token()));
    const start = server.now;
    for (; time < 3_600_000; time += 1000) {
      for (const source of sources) void source.token();
      await settle();
    }
    const [binSeconds, later] = [10, server.tokenRequests.slice(1000)];
    const bins = new Array(3600 / binSeconds).fill(0);
    for (const { at } of later) bins[Math.min(bins.length - 1, Math.floor((at - start) / 1000 / binSeconds))]++;
    const mean = later.length / bins.length;
    const ratio = Math.max(...bins) / mean;
    console.info(
      `1,000 sources, 300 s, one hour: ${later.length} requests, peak/mean ${ratio.toFixed(2)} per ${binSeconds} s`,
    );
    expect(later.length).toBeGreaterThan(12_000);
    expect(later.length).toBeLessThan(20_000);
    expect(ratio).toBeLessThan(2);
  }, 30_000);

  test('does nothing while nobody asks, and the first call after the end gets a new token', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server);
    await source.token();
    await seconds(3000);
    expect(server.tokenRequests).toHaveLength(1);
    expect(await outcome(source)).toBe('t2');
  });
});

describe.each([-600_000, 0, 600_000])('with a server whose clock is %i ms ahead of the machine,', (ahead) => {
  test('if renewals fail, the old token serves to its real end and not longer', async () => {
    const server = new FakeIssuer(ahead);
    const { source, failures } = sourceAt(server);
    await source.token();
    server.refuse = () => json({}, 503);
    let served = 0;
    for (let second = 1; second < 320; second++) {
      await seconds(1);
      const result = await outcome(source, { waitMs: 0 });
      if (typeof result === 'string') {
        served = second;
        expect(server.isExpired(result)).toBe(false);
      } else expect(result).toMatchObject({ code: 'unexpected_status', status: 503, isTemporary: true });
    }
    expect(served).toBeGreaterThanOrEqual(298);
    expect(served).toBeLessThan(300);
    expect(failures().length).toBeGreaterThan(3);
    expect(failures().some(({ hasToken }) => hasToken)).toBe(true);
    server.refuse = () => undefined;
    await seconds(80);
    expect(await outcome(source)).toMatch(/^t\d+$/);
  });

  test.each([-600_000, 600_000])(
    'a jump of the machine by %i ms neither lets an expired token be used nor refuses one that works',
    async (jump) => {
      for (const isReachable of [true, false]) {
        const server = new FakeIssuer(ahead);
        const { source } = sourceAt(server);
        await source.token();
        await seconds(10);
        vi.setSystemTime(Date.now() + jump);
        server.refuse = () => (isReachable ? json({}, 503) : Promise.reject(new TypeError('fetch failed')));
        for (let second = 10; second < 320; second += 2) {
          const result = await outcome(source, { waitMs: 0 });
          // The server shows its time in whole seconds, and so does the token its end.
          if (second < 297) expect(result, `after ${second} s`).toBe('t1');
          if (second >= 299) expect(result, `after ${second} s`).toBeInstanceOf(SdkError);
          await seconds(2);
        }
        vi.setSystemTime(Date.now() - jump);
      }
    },
  );

  test('a machine that slept asks the server, and does not use a token that expired meanwhile', async () => {
    const server = new FakeIssuer(ahead);
    const { source } = sourceAt(server);
    await source.token();
    // The monotonic clock stands still in the meantime.
    const sleepFor = (ms: number) => {
      vi.setSystemTime(Date.now() + ms);
      server.offset += ms;
    };
    sleepFor(400_000);
    expect(await outcome(source)).toBe('t2');
    server.refuse = () => json({}, 503);
    sleepFor(200_000);
    expect(await outcome(source)).toBe('t2');
    sleepFor(200_000);
    expect(await outcome(source, { waitMs: 0 })).toMatchObject({ status: 503 });
  });
});

describe('a server that refuses', () => {
  test.each([429, 503])(
    'with %i and Retry-After: 7 is not asked earlier, and all callers wait for the token',
    async (status) => {
      const server = new FakeIssuer();
      server.refuse = (_, count) =>
        count === 1 ? json({ error: 'slow_down' }, status, { 'Retry-After': '7' }) : undefined;
      const { source, failures } = sourceAt(server);
      const callers = Promise.all(Array.from({ length: 1000 }, () => source.token()));
      await seconds(6.999);
      expect(server.tokenRequests).toHaveLength(1);
      await seconds(2);
      expect(new Set((await callers).map(({ access_token }) => access_token))).toEqual(new Set(['t2']));
      expect(server.tokenRequests).toHaveLength(2);
      expect(failures()).toHaveLength(1);
      expect(failures()[0]?.nextAttemptMs).toBeGreaterThanOrEqual(7000);
    },
  );

  test('with a date in Retry-After is not asked before that time at the server', async () => {
    const server = new FakeIssuer(-600_000);
    const until = server.now + 7000;
    const headers = { 'Retry-After': new Date(until).toUTCString() };
    server.refuse = (_, count) => (count === 1 ? json({}, 503, headers) : undefined);
    const { source } = sourceAt(server);
    const token = source.token();
    await seconds(10);
    expect((await token).access_token).toBe('t2');
    expect(server.tokenRequests[1]?.at).toBeGreaterThanOrEqual(until);
  });

  test('fails a call at once if Retry-After is beyond the time that it waits', async () => {
    const server = new FakeIssuer();
    server.refuse = () => json({ error: 'slow_down' }, 429, { 'Retry-After': '60', 'X-Request-Id': 'request-1' });
    const { source } = sourceAt(server);
    const error = await outcome(source);
    expect(error).toBeInstanceOf(SdkError);
    expect(error).toMatchObject({ code: 'slow_down', status: 429, requestId: 'request-1', isTemporary: true });
    expect((error as SdkError).retryAfter).toBeGreaterThanOrEqual(60);
    await seconds(30);
    expect(((await outcome(source)) as SdkError).retryAfter).toBeLessThanOrEqual(46);
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('is asked again with an exponential back-off up to a minute, by one caller for all', async () => {
    const server = new FakeIssuer();
    server.refuse = () => Promise.reject(new TypeError('fetch failed'));
    const { source } = sourceAt(server);
    const callers = Array.from({ length: 100 }, () => source.token({ waitMs: 600_000 }).catch((error) => error));
    await seconds(600);
    const gaps = server.tokenRequests.slice(1).map(({ at }, index) => at - (server.tokenRequests[index]?.at ?? 0));
    for (const [index, gap] of gaps.entries()) {
      const longest = Math.min(60_000, 500 * 2 ** index);
      expect(gap).toBeGreaterThanOrEqual(longest / 2 - 1);
      expect(gap).toBeLessThanOrEqual(longest + 1);
    }
    expect(gaps.length).toBeGreaterThan(12);
    for (const error of await Promise.all(callers)) expect(error).toMatchObject({ code: 'network', isTemporary: true });
  });

  test.each(['invalid_client', 'unauthorized_client', 'invalid_scope', 'invalid_target'])(
    'with %s is not asked again by the callers that come, but a little later once more',
    async (code) => {
      const server = new FakeIssuer();
      const body = { error: code, error_description: 'No.' };
      server.refuse = () => json(body, code === 'invalid_client' ? 401 : 400, { 'X-Request-Id': 'request-1' });
      const { source } = sourceAt(server);
      for (let count = 0; count < 100; count++) {
        const error = await outcome(source);
        const details = { code, isTemporary: false, requestId: 'request-1', status: expect.any(Number) };
        expect(error).toMatchObject({ ...details, message: expect.stringContaining('No.') });
        await seconds(0.099);
      }
      expect(server.tokenRequests).toHaveLength(1);
      for (let count = 0; count < 3600; count++) {
        await seconds(1);
        await outcome(source);
      }
      expect(server.tokenRequests.length).toBeGreaterThan(10);
      expect(server.tokenRequests.length).toBeLessThan(20);
      server.refuse = () => undefined;
      await seconds(375);
      expect(await outcome(source)).toMatch(/^t/);
    },
  );

  test('the renewal with invalid_client leaves the old token until its end', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server);
    await source.token();
    server.refuse = () => json({ error: 'invalid_client' }, 401);
    await seconds(280);
    for (let count = 0; count < 15; count++) {
      expect(await outcome(source)).toBe('t1');
      await seconds(1);
    }
    expect(server.tokenRequests.length).toBeLessThanOrEqual(3);
    await seconds(10);
    expect(await outcome(source)).toMatchObject({ code: 'invalid_client' });
  });

  test('an answer that is no OAuth error is one with its status', async () => {
    const server = new FakeIssuer();
    server.refuse = () => new Response('<html>Forbidden</html>', { status: 403 });
    const { source } = sourceAt(server);
    expect(await outcome(source)).toMatchObject({ code: 'unexpected_status', status: 403, isTemporary: false });
  });

  test('a server that hangs is given up after the deadline of a request', async () => {
    const server = new FakeIssuer();
    holding(server);
    const { source } = sourceAt(server, { requestTimeoutMs: 2000 });
    const token = source.token({ waitMs: 2500 }).catch((error) => error);
    await seconds(2.5);
    expect(await token).toMatchObject({ code: 'timeout', isTemporary: true });
    expect(server.tokenRequests[0]?.signal?.aborted).toBe(true);
  });
});

describe('a caller', () => {
  test('that aborts leaves alone, and the others get the token of the same request', async () => {
    const server = new FakeIssuer();
    let answer: () => void = () => undefined;
    server.refuse = () =>
      new Promise((resolve) => (answer = () => resolve(json({ access_token: 'a', token_type: 'bearer' }))));
    const { source } = sourceAt(server);
    const controller = new AbortController();
    const leaving = source.token({ signal: controller.signal });
    const staying = source.token();
    await seconds(1);
    controller.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    await expect(source.token({ signal: controller.signal })).rejects.toThrow('left');
    expect(server.tokenRequests[0]?.signal?.aborted).toBe(false);
    answer();
    expect((await staying).access_token).toBe('a');
    expect(server.tokenRequests).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that aborts during a back-off leaves at once', async () => {
    const server = new FakeIssuer();
    server.refuse = () => json({}, 503, { 'Retry-After': '20' });
    const { source } = sourceAt(server);
    const controller = new AbortController();
    const leaving = source.token({ signal: controller.signal });
    await seconds(1);
    controller.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that replaces a refused token gets another one, and shares it with others that have the old one', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server);
    await source.token();
    const replaced = await Promise.all(Array.from({ length: 100 }, () => source.token({ replaces: 't1' })));
    expect(new Set(replaced.map(({ access_token }) => access_token))).toEqual(new Set(['t2']));
    expect(await outcome(source, { replaces: 't1' })).toBe('t2');
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('cannot replace tokens in a loop', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server);
    let current = (await source.token()).access_token;
    for (let count = 0; count < 60; count++) {
      const result = await outcome(source, { replaces: current });
      if (typeof result === 'string') current = result;
      else expect(result).toMatchObject({ code: 'replaced_recently', isTemporary: true });
      await seconds(1);
    }
    expect(server.tokenRequests).toHaveLength(3);
  });

  test('learns that the server issues the refused token again', async () => {
    const server = new FakeIssuer();
    server.token = { access_token: 'always-the-same' };
    const { source } = sourceAt(server);
    await source.token();
    const error = await outcome(source, { replaces: 'always-the-same' });
    expect(error).toMatchObject({ code: 'invalid_answer', isTemporary: false });
    expect(server.tokenRequests.length).toBeLessThan(6);
  });
});

describe('metadata', () => {
  test('are fetched once an hour, and the old ones are used if that fails', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server);
    const documents = () => server.to('/.well-known/oauth-authorization-server');
    for (let count = 0; count < 100; count++) {
      await source.token();
      await seconds(300);
    }
    expect(documents().length).toBeGreaterThan(5);
    expect(documents().length).toBeLessThanOrEqual(9);
    const answer = server.answer;
    server.answer = (request) => (request.url.endsWith('/token') ? answer(request) : json({}, 500));
    await seconds(3600);
    expect(await outcome(source)).toMatch(/^t/);
  });

  test('of another issuer stop the source', async () => {
    const server = new FakeIssuer();
    server.metadata = { issuer: 'https://evil.example' };
    const { source } = sourceAt(server);
    expect(await outcome(source)).toMatchObject({ code: 'wrong_issuer', isTemporary: false });
    expect(server.tokenRequests).toEqual([]);
  });

  test('may be given, and then none are fetched', async () => {
    const server = new FakeIssuer();
    const { source } = sourceAt(server, { metadata: { issuer: ISSUER, token_endpoint: `${ISSUER}/token` } });
    expect(await outcome(source)).toBe('t1');
    expect(server.requests).toHaveLength(1);
  });

  test('are read again if the token endpoint has gone', async () => {
    const server = new FakeIssuer();
    server.metadata = { token_endpoint: `${ISSUER}/old` };
    const { source } = sourceAt(server);
    expect(await outcome(source)).toMatchObject({ status: 404 });
    server.metadata = {};
    await seconds(15);
    expect(await outcome(source)).toBe('t1');
  });
});

describe('the hook', () => {
  test('hears of tokens and failures, and never of a token or a secret', async () => {
    const server = new FakeIssuer();
    const { source, events } = sourceAt(server);
    server.refuse = (_, count) => (count === 1 ? json({ error: 'temporarily_unavailable' }, 503) : undefined);
    const token = source.token();
    await seconds(2);
    await token;
    const error = expect.objectContaining({ code: 'temporarily_unavailable' });
    const durationMs = expect.any(Number);
    expect(events).toEqual([
      { type: 'failure', error, durationMs, nextAttemptMs: expect.any(Number), hasToken: false },
      { type: 'token', origin: 'server', durationMs, expiresIn: 299, requestId: 'request-2' },
    ]);
    expect(JSON.stringify(events)).not.toMatch(/t2|a-secret/);
  });

  test('may throw, and the token comes nevertheless', async () => {
    const onEvent = () => {
      throw new Error('no');
    };
    const { source } = sourceAt(new FakeIssuer(), { onEvent });
    expect(await outcome(source)).toBe('t1');
  });
});

test.each<[string, Partial<TokenSourceOptions>]>([
  ['an issuer without TLS', { issuer: 'http://auth.example.com' }],
  ['an issuer that is no URL', { issuer: 'auth.example.com' }],
  ['a token endpoint without TLS', { metadata: { issuer: ISSUER, token_endpoint: 'http://auth.example.com/token' } }],
  ['no credential', { client: { id: 'machine' } as never }],
  ['two credentials', { client: { id: 'machine', secret: 'a', token: 'b' } as never }],
  ['a secret without an id', { client: { secret: 'a' } as never }],
])('a source with %s is not created', (_, options) => {
  expect(() => sourceAt(new FakeIssuer(), options)).toThrow(expect.objectContaining({ code: 'invalid_option' }));
});

test('a token from a warm source takes less than 2 µs', async () => {
  const server = new FakeIssuer();
  const { source } = sourceAt(server);
  await source.token();
  vi.useRealTimers();
  // Both clocks are real now, and the token is far from its end by either of them.
  const warm = tokenSource({ issuer: ISSUER, client: SECRET, fetch: server.fetch });
  await warm.token();
  const batches: number[] = [];
  for (let batch = 0; batch < 20; batch++) {
    const start = performance.now();
    for (let count = 0; count < 10_000; count++) await warm.token();
    batches.push((performance.now() - start) / 10);
  }
  const fastest = Math.min(...batches);
  console.info(`a token from a warm source: ${fastest.toFixed(2)} µs`);
  expect(fastest).toBeLessThan(2);
});
