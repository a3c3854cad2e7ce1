import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { base64url, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { HashTable, hashOf as wordsOf } from '../../src/sdk/verify/feed/hash-table.ts';
import { Revoked } from '../../src/sdk/verify/feed/revoked.ts';
import { VerificationError, type VerifierEvent, type VerifierOptions, verifier } from '../../src/sdk/verify.ts';
import { FakeServer, ISSUER, json, type Received } from './server.ts';

const AUDIENCE = 'https://orders.example';
const FEED = `${ISSUER}/oauth2/revocations`;

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let pair: Pair;
let other: Pair;
let keys: JWK[];

beforeAll(async () => {
  [pair, other] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
  keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }];
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const seconds = () => Math.floor(Date.now() / 1000);

interface Member {
  readonly jti?: string;
  readonly client_id?: string;
  readonly iat?: number;
}

async function makeToken({ jti = crypto.randomUUID(), client_id = 'emc_1', iat = seconds() }: Member = {}) {
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: client_id, client_id, scope: 'a', jti, iat, exp: seconds() + 3600 };
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' }).sign(pair.privateKey);
}

async function hashOf(id: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(id)));
  return base64url.encode(digest.subarray(0, 16));
}

type Entry =
  | { readonly token: string; readonly expires_at?: number; readonly of?: string }
  | {
      readonly client: string;
      readonly cut_off?: number | null;
      readonly is_disabled?: 0 | 1;
      readonly expires_at?: number;
    };

/** A server with a feed of its own, as `GET /oauth2/revocations` of Edgemint. */
class FeedServer extends FakeServer {
  entries: { readonly version: number; readonly entry: Entry }[] = [];
  latest = 0;
  pageSize = 1000;
  /** How old the feed says that it is, in seconds. */
  ageSeconds = 40;
  tokensFrom: number | undefined;
  /** Answers requests for the feed, if it returns an answer. */
  refuse: (request: Received) => Response | Promise<Response> | undefined = () => undefined;
  /** Changes the claims or the header of a page. */
  claims: Record<string, unknown> = {};
  header: Record<string, unknown> = {};
  signing = pair;
  hasFeed = true;

  constructor() {
    super((request) => this.#serve(request));
  }

  get polls(): Received[] {
    return this.to('/oauth2/revocations');
  }

  list(...entries: Entry[]): void {
    for (const entry of entries) this.entries.push({ version: ++this.latest, entry });
  }

  async #serve(request: Received): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/.well-known/oauth-authorization-server') {
      const feed = this.hasFeed ? { revocation_feed_endpoint: FEED } : {};
      return json({
        issuer: ISSUER,
        jwks_uri: `${ISSUER}/jwks`,
        introspection_endpoint: `${ISSUER}/introspect`,
        ...feed,
      });
    }
    if (pathname === '/jwks') return json({ keys });
    if (pathname === '/introspect') return json({ active: false });
    if (pathname !== '/oauth2/revocations' || searchParams.get('audience') !== AUDIENCE) return json({}, 404);
    return (await this.refuse(request)) ?? this.page(Number(searchParams.get('since') ?? 0));
  }

  async page(asked: number): Promise<Response> {
    const since = asked > this.latest ? 0 : asked;
    const after = this.entries.filter(({ version }) => version > since);
    const listed = after.slice(0, this.pageSize);
    const more = listed.length < after.length;
    const lasting = seconds() + 7200;
    const tokens = await Promise.all(
      listed.flatMap(({ entry }) =>
        'token' in entry
          ? [
              Promise.all([hashOf(entry.token), ...(entry.of === undefined ? [] : [hashOf(entry.of)])]).then(
                ([hash, ...client]) => [hash, entry.expires_at ?? lasting, ...client],
              ),
            ]
          : [],
      ),
    );
    const clients = await Promise.all(
      listed.flatMap(({ entry }) => {
        if (!('client' in entry)) return [];
        const { cut_off = null, is_disabled = 0, expires_at = lasting } = entry;
        return [hashOf(entry.client).then((hash) => [hash, cut_off, is_disabled, expires_at])];
      }),
    );
    const claims = {
      iss: ISSUER,
      aud: FEED,
      iat: Math.floor(this.now / 1000),
      audience: AUDIENCE,
      as_of: Math.floor(this.now / 1000) - this.ageSeconds,
      since,
      version: more ? (listed.at(-1)?.version ?? since) : this.latest,
      more,
      tokens,
      clients,
      ...(this.tokensFrom !== undefined && { tokens_from: this.tokensFrom }),
      ...this.claims,
    };
    const jwt = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'revocations+jwt', ...this.header })
      .sign(this.signing.privateKey);
    return new Response(jwt, { headers: { 'Content-Type': 'application/jwt' } });
  }
}

function scene(options: Partial<VerifierOptions> = {}) {
  const server = new FeedServer();
  const events: VerifierEvent[] = [];
  const orders = verifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    revocations: 'feed',
    fetch: server.fetch,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const outcome = (token: string) =>
    orders.verify(token).then(
      () => 'accepted' as const,
      (error: unknown) => {
        if (!(error instanceof VerificationError)) throw error;
        return error.status === 401 ? ('refused' as const) : error.status;
      },
    );
  return { server, orders, outcome, events };
}

const realSetTimeout = setTimeout;
const aMoment = () => new Promise((resolve) => realSetTimeout(resolve, 2));

/** Lets time pass, in steps that let answers arrive: signatures are made and checked by other threads. */
async function pass(ms: number, step = 500): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    await vi.advanceTimersByTimeAsync(step);
    await aMoment();
  }
}

/** Lets real time pass until a token has the expected outcome. */
async function becomes(outcome: (token: string) => Promise<unknown>, token: string, expected: unknown): Promise<void> {
  for (let attempt = 0; attempt < 200 && (await outcome(token)) !== expected; attempt++) {
    await aMoment();
  }
  expect(await outcome(token)).toBe(expected);
}

test('the first token waits for the feed, and a revoked one is refused', async () => {
  const { server, outcome } = scene();
  server.list({ token: 'revoked' }, { client: 'emc_disabled', is_disabled: 1 });
  expect(await outcome(await makeToken({ jti: 'revoked' }))).toBe('refused');
  expect(await outcome(await makeToken({ client_id: 'emc_disabled' }))).toBe('refused');
  expect(await outcome(await makeToken())).toBe('accepted');
  expect(server.polls).toHaveLength(1);
});

test('a token that is listed for a client is refused only from that client', async () => {
  const { server, outcome } = scene();
  server.list({ token: 'bound', of: 'emc_1' });
  expect(await outcome(await makeToken({ jti: 'bound', client_id: 'emc_2' }))).toBe('accepted');
  expect(await outcome(await makeToken({ jti: 'bound', client_id: 'emc_1' }))).toBe('refused');
});

test('an entry of a client says nothing after its end', async () => {
  const { server, outcome } = scene();
  server.list({ client: 'emc_1', is_disabled: 1, expires_at: seconds() - 300 });
  expect(await outcome(await makeToken())).toBe('accepted');
});

test('a cut-off revokes what was issued up to its second', async () => {
  const { server, outcome } = scene();
  const cut_off = seconds() - 10;
  server.list({ client: 'emc_1', cut_off });
  for (const [iat, expected] of [
    [cut_off - 1, 'refused'],
    [cut_off, 'refused'],
    [cut_off + 1, 'accepted'],
  ] as const)
    expect(await outcome(await makeToken({ iat }))).toBe(expected);
});

test('tokens of a deleted API with the same identifier are refused', async () => {
  const { server, outcome } = scene();
  server.tokensFrom = seconds() - 10;
  expect(await outcome(await makeToken({ iat: seconds() - 11 }))).toBe('refused');
  expect(await outcome(await makeToken())).toBe('accepted');
});

test('what is revoked later is seen within a few seconds, by deltas, while tokens are verified', async () => {
  const { server, outcome } = scene();
  const token = await makeToken({ jti: 'later' });
  server.list({ token: 'earlier' });
  expect(await outcome(token)).toBe('accepted');
  server.list({ token: 'later' });
  await pass(7000);
  await becomes(outcome, token, 'refused');
  expect(server.polls.map(({ url }) => new URL(url).searchParams.get('since'))).toEqual(['0', '1']);
});

test('a client that is enabled again is accepted', async () => {
  const { server, outcome } = scene();
  server.list({ client: 'emc_1', is_disabled: 1 });
  expect(await outcome(await makeToken())).toBe('refused');
  server.list({ client: 'emc_1', is_disabled: 0 });
  await pass(7000);
  await becomes(outcome, await makeToken(), 'accepted');
});

test('a thousand tokens at once cost one request, and an unused verifier none', async () => {
  const { server, orders } = scene();
  const token = await makeToken();
  await Promise.all(Array.from({ length: 1000 }, () => orders.verify(token)));
  expect(server.polls).toHaveLength(1);
  await pass(300_000);
  expect(server.polls.length).toBeGreaterThan(4);
  expect(server.polls.length).toBeLessThan(16);
});

test('after a long pause, a token waits for the feed', async () => {
  const { server, outcome } = scene();
  const token = await makeToken({ jti: 'paused' });
  expect(await outcome(token)).toBe('accepted');
  await pass(600_000);
  server.list({ token: 'paused' });
  expect(await outcome(token)).toBe('refused');
});

test('a long feed comes in pages, and none of it is used before it is whole', async () => {
  const { server, outcome } = scene();
  server.pageSize = 10;
  server.list(...Array.from({ length: 95 }, (_, index) => ({ token: `t${index}` })));
  expect(await outcome(await makeToken({ jti: 't94' }))).toBe('refused');
  expect(server.polls).toHaveLength(10);
  const { server: broken, outcome: outcomeOfBroken } = scene();
  broken.pageSize = 10;
  broken.list(...Array.from({ length: 95 }, (_, index) => ({ token: `t${index}` })));
  broken.refuse = ({ url }) => (url.includes('since=50') ? json({}, 500) : undefined);
  expect(await outcomeOfBroken(await makeToken({ jti: 'another' }))).toBe(503);
});

test('an attempt that fails midway is continued where it failed, even if each page must wait', async () => {
  const { server, outcome } = scene();
  server.pageSize = 10;
  server.list(...Array.from({ length: 50 }, (_, index) => ({ token: `t${index}` })));
  const last = await makeToken({ jti: 't49' });
  server.refuse = () => (server.polls.length % 2 === 0 ? json({}, 429, { 'Retry-After': '2' }) : undefined);
  await outcome(last);
  for (let waited = 0; waited < 30_000 && (await outcome(last)) !== 'refused'; waited += 1000) await pass(1000);
  expect(await outcome(last)).toBe('refused');
  const asked = server.polls.map(({ url }) => new URL(url).searchParams.get('since') ?? '0');
  expect([...new Set(asked)]).toEqual(['0', '10', '20', '30', '40']);
});

/** Lets time pass while tokens are verified. */
async function passInUse(outcome: (token: string) => Promise<unknown>, token: string, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 30_000) {
    await pass(Math.min(30_000, ms - passed), ms > 600_000 ? 6000 : 500);
    await outcome(token);
  }
}

test('the whole feed is read again after about an hour, and is not missed if that fails', async () => {
  const { server, outcome } = scene();
  server.list({ token: 'a' }, { token: 'b' });
  const [good, later] = [await makeToken(), await makeToken({ jti: 'later' })];
  expect(await outcome(good)).toBe('accepted');
  const fromStart = () => server.polls.slice(1).filter(({ url }) => url.includes('since=0'));
  // A restored database that has got newer entries since then does not show that it was restored.
  server.entries = [{ version: 3, entry: { token: 'a' } }];
  server.latest = 3;
  await passInUse(outcome, good, 2_600_000);
  expect(fromStart()).toHaveLength(0);
  server.refuse = ({ url }) => (url.includes('since=0') ? json({}, 500) : undefined);
  await passInUse(outcome, good, 1_200_000);
  expect(fromStart().length).toBeGreaterThan(1);
  server.list({ token: 'later' });
  await pass(30_000);
  await becomes(outcome, later, 'refused');
  expect(await outcome(await makeToken({ jti: 'b' }))).toBe('refused');
  server.refuse = () => undefined;
  await pass(30_000);
  await becomes(outcome, await makeToken({ jti: 'b' }), 'accepted');
}, 30_000);

test('an old page that a cache repeats does not undo what is known', async () => {
  const { server, outcome } = scene();
  server.list({ token: 'early' });
  const old = await (await server.page(0)).text();
  vi.advanceTimersByTime(20_000);
  server.list({ token: 'late' });
  const late = await makeToken({ jti: 'late' });
  expect(await outcome(late)).toBe('refused');
  server.refuse = () => new Response(old);
  await pass(30_000);
  expect(await outcome(late)).toBe('refused');
  server.refuse = () => undefined;
  await pass(30_000);
  expect(await outcome(late)).toBe('refused');
  expect(await outcome(await makeToken())).toBe('accepted');
});

test.each(['a new', 'the same'])('a feed that repeats itself with %s Date grows too old', async (date) => {
  const { server, outcome } = scene();
  const good = await makeToken();
  const page = await (await server.page(0)).text();
  const headers = new Headers(date === 'the same' ? { Date: new Date(server.now).toUTCString() } : {});
  server.refuse = () => new Response(page, { headers });
  expect(await outcome(good)).toBe('accepted');
  await passInUse(outcome, good, 60_000);
  expect(await outcome(good)).toBe('accepted');
  await passInUse(outcome, good, 60_000);
  expect(await outcome(good)).toBe(503);
});

test('a page without news is not sent again, and a 304 makes nothing fresh', async () => {
  const { server, outcome } = scene();
  server.list({ token: 'a' });
  const good = await makeToken();
  server.refuse = async ({ url, headers }) => {
    const since = Number(new URL(url).searchParams.get('since') ?? 0);
    if (headers.get('If-None-Match') === `"${since}"`) return new Response(null, { status: 304 });
    const answer = await server.page(since);
    answer.headers.set('ETag', `"${since}"`);
    return answer;
  };
  expect(await outcome(good)).toBe('accepted');
  await passInUse(outcome, good, 60_000);
  expect(await outcome(good)).toBe('accepted');
  expect(server.polls.slice(2).every(({ headers }) => headers.get('If-None-Match') === '"1"')).toBe(true);
  await passInUse(outcome, good, 60_000);
  expect(await outcome(good)).toBe(503);
});

test('while the server does not answer, no token waits as long as the feed is fresh', async () => {
  const { server, outcome } = scene();
  const good = await makeToken();
  expect(await outcome(good)).toBe('accepted');
  server.refuse = () => new Promise<Response>(() => undefined);
  await pass(7000);
  expect(await outcome(good)).toBe('accepted');
  await passInUse(outcome, good, 30_000);
  expect(await outcome(good)).toBe('accepted');
});

test('after the machine was suspended, a token waits for the feed', async () => {
  const { server, outcome } = scene();
  const token = await makeToken({ jti: 'suspended' });
  expect(await outcome(token)).toBe('accepted');
  server.list({ token: 'suspended' });
  // The monotonic clock stood still.
  vi.setSystemTime(Date.now() + 600_000);
  server.offset += 600_000;
  expect(await outcome(token)).toBe('refused');
});

test('if the database was restored, the feed begins anew', async () => {
  const { server, outcome } = scene();
  server.list({ token: 'a' }, { token: 'b' }, { token: 'c' });
  const token = await makeToken({ jti: 'c' });
  expect(await outcome(token)).toBe('refused');
  server.entries = [];
  server.latest = 0;
  server.list({ token: 'a' });
  await pass(7000);
  await becomes(outcome, token, 'accepted');
  expect(await outcome(await makeToken({ jti: 'a' }))).toBe('refused');
});

test.each<[string, (server: FeedServer) => void]>([
  ['is down', (server) => (server.refuse = () => json({}, 503, { 'Retry-After': '7' }))],
  ['cannot be reached', (server) => (server.refuse = () => Promise.reject(new Error('no route')))],
  ['is signed by another', (server) => (server.signing = other)],
  ['has the type of an access token', (server) => (server.header = { typ: 'at+jwt' })],
  ['is of another issuer', (server) => (server.claims = { iss: 'https://evil.example' })],
  ['is for another API', (server) => (server.claims = { audience: 'https://billing.example' })],
  ['has the audience of access tokens', (server) => (server.claims = { aud: AUDIENCE })],
  ['continues from elsewhere', (server) => (server.claims = { since: 5, version: 6 })],
  ['has a malformed entry', (server) => (server.claims = { tokens: [['hash', 'soon']] })],
  ['has a hash of another length', (server) => (server.claims = { tokens: [['aGFzaA', 9_999_999_999]] })],
  ['is complete up to a time to come', (server) => (server.ageSeconds = -300)],
  ['is an access token', (server) => (server.refuse = async () => new Response(await makeToken()))],
  ['never ends', (server) => (server.claims = { more: true })],
  ['is old', (server) => (server.ageSeconds = 121)],
  ['is not published', (server) => (server.hasFeed = false)],
])('if the feed %s, no token is accepted by default', async (_, change) => {
  const { server, outcome } = scene({ requestTimeoutMs: 100 });
  change(server);
  const pending = outcome(await makeToken());
  await pass(500);
  expect(await pending).toBe(503);
});

test('a bad page does not replace what is known, and what is known stays revoked', async () => {
  const { server, outcome, events } = scene();
  server.list({ token: 'revoked' });
  const [revoked, good] = [await makeToken({ jti: 'revoked' }), await makeToken()];
  expect(await outcome(good)).toBe('accepted');
  server.signing = other;
  await pass(30_000);
  expect(await outcome(good)).toBe('accepted');
  expect(events).toContainEqual(expect.objectContaining({ type: 'failure', operation: 'feed' }));
  for (let waited = 0; waited < 120_000; waited += 30_000) {
    await pass(30_000);
    await outcome(good);
  }
  await becomes(outcome, good, 503);
  expect(await outcome(revoked)).toBe('refused');
});

test.each<['accept' | 'introspect', unknown]>([
  ['accept', 'accepted'],
  ['introspect', 'refused'],
])('with onStaleFeed: %s, a token is %s while the feed is too old', async (onStaleFeed, expected) => {
  const { server, outcome } = scene({ onStaleFeed, introspection: { client: { id: 'a', secret: 'b' } } });
  server.refuse = () => json({}, 500);
  expect(await outcome(await makeToken())).toBe(expected);
});

test('a server that asks to wait is not asked earlier', async () => {
  const { server, outcome } = scene();
  const token = await makeToken();
  await outcome(token);
  server.refuse = () => json({}, 429, { 'Retry-After': '20' });
  await pass(7000);
  const asked = server.polls.length;
  for (let waited = 0; waited < 18_000; waited += 1000) {
    await outcome(token);
    await pass(1000);
  }
  expect(server.polls).toHaveLength(asked);
});

test("a machine clock ten minutes off takes no old feed for a fresh one: its age is judged by the server's clock", async () => {
  const { server, outcome } = scene();
  server.offset += 600_000;
  const token = await new SignJWT({
    iss: ISSUER,
    aud: AUDIENCE,
    client_id: 'emc_1',
    iat: seconds() + 590,
    exp: seconds() + 4200,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
    .sign(pair.privateKey);
  expect(await outcome(token)).toBe('accepted');
  server.ageSeconds = 300;
  await pass(7000);
  await pass(7000);
  server.refuse = () => json({}, 500);
  for (let waited = 0; waited < 120_000; waited += 30_000) {
    await pass(30_000);
    await outcome(token);
  }
  await becomes(outcome, token, 503);
});

test('the options of the feed are checked', () => {
  for (const options of [
    { feedMaxAge: 5 },
    { onStaleFeed: 'ignore' as 'accept' },
    { onStaleFeed: 'introspect' as const },
  ])
    expect(() => scene(options)).toThrow(/feedMaxAge|onStaleFeed|introspection/);
});

test('a hundred thousand revocations need few megabytes, and each is found', async () => {
  vi.useRealTimers();
  const hash = () => crypto.getRandomValues(new Uint8Array(16));
  const [tokens, others] = [1, 2].map(() => Array.from({ length: 100_000 }, hash)) as [Uint8Array[], Uint8Array[]];
  const revoked = new Revoked();
  const now = seconds();
  const before = process.memoryUsage().arrayBuffers;
  for (let from = 0; from < tokens.length; from += 2000) {
    const page = tokens
      .slice(from, from + 2000)
      .map((bytes) => ({ hash: wordsOf(bytes), expiresAt: now + 300, client: undefined }));
    revoked.add({ ...PAGE, since: from, version: from + 2000, tokens: page }, now);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16_000_000);
  const isRevoked = (bytes: Uint8Array) => revoked.has({ token: wordsOf(bytes), client: undefined }, now, now);
  expect(tokens.every(isRevoked)).toBe(true);
  expect(others.some(isRevoked)).toBe(false);
  revoked.add({ ...PAGE, since: 100_000, version: 100_000 }, now + 3600);
  expect(revoked.size).toBe(0);
  expect(tokens.some(isRevoked)).toBe(false);
});

const PAGE = { asOf: 1, since: 0, version: 1, hasMore: false, tokens: [], clients: [], tokensFrom: 0 };

test('a table of hashes finds, replaces and forgets as a map does', () => {
  const table = new HashTable();
  const map = new Map<number, { expiresAt: number; cutOff: number }>();
  const random = (below: number) => Math.floor(Math.random() * below);
  // Hashes that differ in one word only.
  const key = (id: number) => [7, id % 2, id, 9] as const;
  for (let now = 1; now < 10_000; now++) {
    const [id, expiresAt, cutOff] = [random(3000), now + random(5000), 1 + random(100)];
    table.set(key(id), expiresAt, cutOff);
    map.set(id, { expiresAt, cutOff });
    if (now % 1000 === 0) {
      table.purge(now);
      for (const [old, entry] of map) if (entry.expiresAt < now) map.delete(old);
      expect(table.size).toBe(map.size);
    }
    const other = random(4000);
    const entry = map.get(other);
    expect(table.cutOff(key(other), now)).toBe(entry && entry.expiresAt >= now ? entry.cutOff : 0);
  }
});

test('more entries than fit are an error, and change nothing', () => {
  const revoked = new Revoked();
  const entries = Array.from({ length: 2000 }, (_, index) => ({
    hash: [index, 1, 1, 1] as const,
    expiresAt: 9_999,
    client: undefined,
  }));
  const addAll = () => {
    for (let page = 0; page <= 500; page++) {
      const tokens = entries.map(({ hash: [a], ...entry }) => ({ ...entry, hash: [a, page, 1, 1] as const }));
      revoked.add({ ...PAGE, since: page, version: page + 1, tokens }, 1);
    }
  };
  expect(addAll).toThrow(/more than/);
  expect(revoked.version).toBe(500);
}, 60_000);

test('the feed keeps no process alive', async () => {
  vi.useRealTimers();
  const server = new FeedServer();
  const token = await makeToken();
  const [metadata, jwks, page] = await Promise.all(
    ['/.well-known/oauth-authorization-server', '/jwks', `/oauth2/revocations?audience=${AUDIENCE}`].map(async (path) =>
      (await server.fetch(`${ISSUER}${path}`)).text(),
    ),
  );
  const program = `
    import { verifier } from ${JSON.stringify(new URL('../../src/sdk/verify.ts', import.meta.url).href)};
    const answers = ${JSON.stringify([metadata, jwks, page])};
    const fetch = async (url) => new Response(answers[url.includes('jwks') ? 1 : url.includes('revocations') ? 2 : 0]);
    const orders = verifier({ issuer: '${ISSUER}', audience: '${AUDIENCE}', revocations: 'feed', fetch });
    await orders.verify('${token}');
    console.log('verified');`;
  const { stdout } = await promisify(execFile)('node', ['--input-type=module', '--eval', program], { timeout: 4000 });
  expect(stdout).toBe('verified\n');
});
