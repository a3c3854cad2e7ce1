import { base64url, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
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
  | { readonly token: string; readonly expires_at?: number }
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
    return (await this.refuse(request)) ?? this.#page(Number(searchParams.get('since') ?? 0));
  }

  async #page(asked: number): Promise<Response> {
    const since = asked > this.latest ? 0 : asked;
    const after = this.entries.filter(({ version }) => version > since);
    const listed = after.slice(0, this.pageSize);
    const more = listed.length < after.length;
    const lasting = seconds() + 7200;
    const tokens = await Promise.all(
      listed.flatMap(({ entry }) =>
        'token' in entry ? [hashOf(entry.token).then((hash) => [hash, entry.expires_at ?? lasting])] : [],
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
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await vi.advanceTimersByTimeAsync(500);
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
  expect(server.polls.map(({ url }) => new URL(url).searchParams.get('since'))).toEqual([null, '1']);
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
