import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SdkError } from '../../src/sdk/lib/errors.ts';
import { requestJson } from '../../src/sdk/lib/http.ts';
import { discover } from '../../src/sdk/lib/metadata.ts';
import { moment } from '../../src/sdk/lib/moment.ts';
import { nextAttemptMs, retryAfterSeconds } from '../../src/sdk/lib/retry-after.ts';
import { ServerClock } from '../../src/sdk/lib/server-clock.ts';
import { sha256, shortSha256 } from '../../src/sdk/lib/sha256.ts';
import { SingleFlight } from '../../src/sdk/lib/single-flight.ts';
import { FakeServer, ISSUER, json } from './server.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const metadata = { issuer: ISSUER, token_endpoint: `${ISSUER}/token` };
const notFound = () => new Response('no such page', { status: 404 });

/** Discovers an issuer at a server with one document. */
async function discoverAt(issuer: string, path: string, document: unknown) {
  const server = new FakeServer(({ url }) => (new URL(url).pathname === path ? json(document) : notFound()));
  const result = await discover(issuer, { fetch: server.fetch }).catch((error: unknown) => error);
  return { result, paths: server.requests.map(({ url }) => new URL(url).pathname) };
}

test.each([
  [ISSUER, '/.well-known/oauth-authorization-server'],
  [`${ISSUER}/`, '/.well-known/oauth-authorization-server'],
  [`${ISSUER}/tenant/a`, '/.well-known/oauth-authorization-server/tenant/a'],
  [`${ISSUER}/tenant/a/`, '/.well-known/oauth-authorization-server/tenant/a'],
])('RFC 8414 section 3.1: the metadata of %s are at %s', async (issuer, path) => {
  const { result, paths } = await discoverAt(issuer, path, { ...metadata, issuer });
  expect(result).toEqual({ ...metadata, issuer });
  expect(paths).toEqual([path]);
});

test.each([
  [ISSUER, '/.well-known/openid-configuration'],
  [`${ISSUER}/tenant/a`, '/tenant/a/.well-known/openid-configuration'],
])('without that document, the one of OpenID Connect of %s is read at %s', async (issuer, path) => {
  const { result, paths } = await discoverAt(issuer, path, { ...metadata, issuer });
  expect(result).toEqual({ ...metadata, issuer });
  expect(paths).toHaveLength(2);
});

test.each([`${ISSUER}/`, 'https://evil.example', undefined, [ISSUER]])(
  'RFC 8414 section 3.3: metadata that name the issuer %j are refused, in both documents',
  async (issuer) => {
    for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
      const { result } = await discoverAt(ISSUER, path, { ...metadata, issuer });
      expect(result).toMatchObject({ code: 'wrong_issuer', isTemporary: false });
    }
  },
);

test.each([
  ['http://auth.example.com', {}],
  ['ftp://auth.example.com', { allowHttp: true }],
  [`${ISSUER}?a=b`, {}],
  [`${ISSUER}#a`, {}],
  ['https://user@auth.example.com', {}],
  ['auth.example.com', {}],
])('the issuer %s is refused before any request', async (issuer, options) => {
  const server = new FakeServer(() => json({ ...metadata, issuer }));
  const discovery = discover(issuer, { ...options, fetch: server.fetch });
  await expect(discovery).rejects.toMatchObject({ code: 'invalid_option', isTemporary: false });
  expect(server.requests).toEqual([]);
});

test.each(['http://localhost:8787', 'http://127.0.0.1:8787', 'http://[::1]:8787'])(
  '%s is a safe issuer',
  async (issuer) => {
    const server = new FakeServer(() => json({ ...metadata, issuer }));
    await expect(discover(issuer, { fetch: server.fetch })).resolves.toMatchObject({ issuer });
  },
);

test('http to another machine is for those who permit it', async () => {
  const issuer = 'http://edgemint.internal:8787';
  const server = new FakeServer(() => json({ issuer, token_endpoint: `${issuer}/token` }));
  await expect(discover(issuer, { fetch: server.fetch, allowHttp: true })).resolves.toMatchObject({ issuer });
});

test('metadata with an endpoint that is not https are refused', async () => {
  const server = new FakeServer(() => json({ ...metadata, token_endpoint: 'http://auth.example.com/token' }));
  await expect(discover(ISSUER, { fetch: server.fetch })).rejects.toMatchObject({ code: 'invalid_option' });
});

test.each([
  [500, true],
  [503, true],
  [429, true],
  [403, false],
])(
  'an answer %i instead of metadata is an error with status, request id and the time to wait',
  async (status, isTemporary) => {
    const headers = { 'X-Request-Id': 'req-1', 'Retry-After': '7' };
    const server = new FakeServer(() => json({}, status, headers));
    const failure = await discover(ISSUER, { fetch: server.fetch }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SdkError);
    expect(failure).toMatchObject({ code: 'discovery_failed', status, isTemporary, requestId: 'req-1', retryAfter: 7 });
    expect(server.requests).toHaveLength(isTemporary ? 1 : 2);
  },
);

test('a server that does not answer is given up at the deadline, also if fetch ignores the signal', async () => {
  const hanging = requestJson(ISSUER, {}, { fetch: () => new Promise(() => undefined), requestTimeoutMs: 3000 });
  const failed = expect(hanging).rejects.toMatchObject({ code: 'timeout', isTemporary: true });
  await vi.advanceTimersByTimeAsync(3000);
  await failed;
  expect(vi.getTimerCount()).toBe(0);
});

test('a body that stops in the middle is given up at the deadline', async () => {
  const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) });
  const failed = expect(requestJson(ISSUER, {}, { fetch: async () => new Response(body) })).rejects.toMatchObject({
    code: 'timeout',
  });
  await vi.advanceTimersByTimeAsync(10_000);
  await failed;
});

test('a huge answer is not read to its end', async () => {
  let sent = 0;
  const chunk = new Uint8Array(65_536);
  const body = new ReadableStream({
    pull: (controller) => {
      sent += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  const request = requestJson(ISSUER, {}, { fetch: async () => new Response(body) });
  await expect(request).rejects.toMatchObject({ code: 'answer_too_large', isTemporary: false });
  expect(sent).toBeLessThan(1_000_000);
});

test('a redirect is not followed', async () => {
  const fetch = vi.fn(async () => new Response(null, { status: 307, headers: { Location: 'https://evil.example' } }));
  await expect(requestJson(ISSUER, {}, { fetch })).rejects.toMatchObject({ code: 'redirect', isTemporary: false });
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(fetch).toHaveBeenCalledWith(ISSUER, expect.objectContaining({ redirect: 'manual' }));
});

test('a server that cannot be reached is a temporary error with the cause', async () => {
  const cause = new TypeError('fetch failed');
  const request = requestJson(ISSUER, {}, { fetch: () => Promise.reject(cause) });
  await expect(request).rejects.toMatchObject({ code: 'network', isTemporary: true, cause });
});

test.each([
  ['7', 7],
  ['0', 0],
  ['999999999', 3600],
  ['Sun, 29 Nov 2026 12:00:30 GMT', 30],
  ['Sun, 29 Nov 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  ['-1', undefined],
  ['', undefined],
])('RFC 9110 section 10.2.3: Retry-After %j is %j seconds, counted from the Date of the answer', (value, seconds) => {
  const headers = new Headers({ 'Retry-After': value, Date: 'Sun, 29 Nov 2026 12:00:00 GMT' });
  expect(retryAfterSeconds(headers, 0)).toBe(seconds);
});

test('the next attempt is never before Retry-After, and spread over a quarter of it', () => {
  const waits = Array.from({ length: 1000 }, () => nextAttemptMs(3, 8));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(8000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(10_000);
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(1500);
});

test('a back-off doubles up to a minute, with jitter', () => {
  for (const [failures, longest] of [
    [0, 500],
    [1, 1000],
    [4, 8000],
    [7, 60_000],
    [1000, 60_000],
  ] as const) {
    const waits = Array.from({ length: 200 }, () => nextAttemptMs(failures, failures % 2 === 0 ? undefined : 0));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(longest / 2);
    expect(Math.max(...waits)).toBeLessThanOrEqual(longest);
    expect(new Set(waits).size).toBeGreaterThan(100);
  }
});

test.each([-600_000, 0, 600_000])('the clock of a server that is %i ms ahead is known to a second', async (ahead) => {
  const server = new FakeServer(() => json({}), ahead);
  const clock = new ServerClock();
  expect(clock.now()).toBe(Date.now());
  expect(clock.latest()).toBeUndefined();
  const { headers, sentAt, receivedAt } = await requestJson(ISSUER, {}, { fetch: server.fetch });
  expect(clock.observe(headers, sentAt, receivedAt)).toBe(true);
  for (const jump of [0, 600_000, -900_000]) {
    vi.setSystemTime(Date.now() + jump);
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(Math.abs(clock.now() - server.now)).toBeLessThanOrEqual(1000);
    expect(clock.latest()).toBeGreaterThanOrEqual(server.now);
    expect(clock.latest()).toBeLessThanOrEqual(server.now + 1000);
  }
});

test('the Date of a cached answer shows a span only, and the machine decides within it', () => {
  vi.setSystemTime(Date.parse('2026-11-29T12:05:00Z'));
  const clock = new ServerClock();
  const at = moment();
  expect(clock.observe(new Headers({ Date: 'Sun, 29 Nov 2026 12:00:00 GMT', Age: '600' }), at, at)).toBe(true);
  expect(clock.now()).toBe(Date.parse('2026-11-29T12:05:00Z'));
  vi.setSystemTime(Date.parse('2026-11-29T13:00:00Z'));
  expect(clock.now()).toBe(Date.parse('2026-11-29T12:10:01Z'));
});

/** Work that ends when the test says so. */
function heldWork() {
  const ends: (() => void)[] = [];
  const work = vi.fn(() => new Promise<void>((resolve) => ends.push(resolve)));
  return { work, ends };
}

test('all callers share one run, and the next caller begins another', async () => {
  const { work, ends } = heldWork();
  const flight = new SingleFlight(work);
  const callers = Array.from({ length: 1000 }, () => flight.join());
  expect(work).toHaveBeenCalledTimes(1);
  expect(flight.isUnderWay).toBe(true);
  ends[0]?.();
  await Promise.all(callers);
  expect(flight.isUnderWay).toBe(false);
  void flight.join();
  expect(work).toHaveBeenCalledTimes(2);
});

test('a caller that gives up leaves at once, and the others get the run', async () => {
  const { work, ends } = heldWork();
  const flight = new SingleFlight(work);
  const controller = new AbortController();
  const leaving = flight.join(controller.signal);
  const staying = flight.join();
  controller.abort(new Error('left'));
  await expect(leaving).rejects.toThrow('left');
  await expect(flight.join(controller.signal)).rejects.toThrow('left');
  ends[0]?.();
  await staying;
  expect(work).toHaveBeenCalledTimes(1);
});

test('in workerd a caller sees the end of a run of another request, and takes over from one that never ends', async () => {
  const { work, ends } = heldWork();
  const flight = new SingleFlight(work, false);
  const [first, second] = [flight.join(), flight.join()];
  await vi.advanceTimersByTimeAsync(1000);
  ends[0]?.();
  await vi.advanceTimersByTimeAsync(20);
  await Promise.all([first, second]);
  expect(work).toHaveBeenCalledTimes(1);

  void flight.join();
  const takingOver = Array.from({ length: 10 }, () => flight.join());
  await vi.advanceTimersByTimeAsync(2000);
  // One of them began a run, and the others wait for that one.
  expect(work).toHaveBeenCalledTimes(3);
  ends[2]?.();
  await vi.advanceTimersByTimeAsync(20);
  await Promise.all(takingOver);
  expect(work).toHaveBeenCalledTimes(3);
});

test('a hash that the runtime makes at once is the same as that of WebCrypto', async () => {
  for (const text of ['', 'a', 'ä💥', 'x'.repeat(1000)]) {
    const atOnce = shortSha256(text);
    expect(atOnce).not.toBeInstanceOf(Promise);
    expect([...(await atOnce)]).toEqual([...(await sha256(text))]);
  }
});

test('an old answer of a cache does not turn the clock of a server back, and a wrong machine does not hide it', () => {
  const clock = new ServerClock();
  const observe = (date: number) => {
    const now = moment();
    clock.observe(new Headers({ Date: new Date(date).toUTCString() }), now, now);
  };
  observe(Date.now());
  observe(Date.now() - 3_600_000);
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(2000);
  observe(Date.now() + 3_600_000);
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(2000);
  const ofWrongMachine = new ServerClock();
  const now = moment();
  ofWrongMachine.observe(new Headers({ Date: new Date(Date.now() - 3_600_000).toUTCString() }), now, now);
  expect(Math.abs(ofWrongMachine.now() - (Date.now() - 3_600_000))).toBeLessThan(2000);
});

test('metadata whose feed is not https are refused', async () => {
  const document = { ...metadata, revocation_feed_endpoint: 'http://auth.example.com/oauth2/revocations' };
  const { result } = await discoverAt(ISSUER, '/.well-known/oauth-authorization-server', document);
  expect(result).toMatchObject({ code: 'invalid_option' });
});
