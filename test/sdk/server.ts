import type { Fetch } from '../../src/sdk/lib/http.ts';

export const ISSUER = 'https://auth.example.com';

/** A request as a fake server gets it. */
export interface Received {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly form: URLSearchParams;
  /** Aborted when the client gives the request up. */
  readonly signal: AbortSignal | undefined;
  /** Milliseconds since the epoch at the server. */
  readonly at: number;
}

export type Answering = (request: Received) => Response | Promise<Response>;

/** Returns a JSON response. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });
}

/**
 * A server in the same process, with a clock of its own that runs by the monotonic clock of the machine.
 * Each answer has its `Date`, unless it has one already.
 */
export class FakeServer {
  readonly requests: Received[] = [];
  /** Its clock, less the monotonic one of the machine, in milliseconds. */
  offset: number;
  answer: Answering;

  /** @param ahead how far its clock is ahead of the machine's, in milliseconds */
  constructor(answer: Answering, ahead = 0) {
    this.answer = answer;
    this.offset = Date.now() + ahead - performance.now();
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.offset + performance.now();
  }

  /** The requests to a path. */
  to(path: string): Received[] {
    return this.requests.filter(({ url }) => new URL(url).pathname === path);
  }

  readonly fetch: Fetch = async (input, init) => {
    const request = typeof input === 'object' && 'url' in input ? input : undefined;
    const received: Received = {
      url: String(request?.url ?? input),
      method: (init?.method ?? request?.method ?? 'GET').toUpperCase(),
      headers: new Headers(init?.headers ?? request?.headers),
      form: new URLSearchParams(typeof init?.body === 'string' ? init.body : ''),
      signal: init?.signal ?? undefined,
      at: this.now,
    };
    this.requests.push(received);
    const response = await Promise.race([this.answer(received), aborted(received.signal)]);
    if (!response.headers.has('Date')) response.headers.set('Date', new Date(this.now).toUTCString());
    return response;
  };
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
  });
}

const METADATA = '/.well-known/oauth-authorization-server';

/** An authorization server in the same process, which issues the tokens `t1`, `t2` and so on. */
export class FakeIssuer extends FakeServer {
  /** The lifetime of tokens, in seconds. */
  lifetime = 300;
  /** Members that the metadata have besides the usual ones. */
  metadata: Readonly<Record<string, unknown>> = {};
  /** Members that token answers have besides the usual ones, or in their place. */
  token: Readonly<Record<string, unknown>> = {};
  /** Answers token requests in place of a token, if it returns an answer. */
  refuse: (request: Received, count: number) => Response | Promise<Response> | undefined = () => undefined;
  /** Answers all requests for other URLs. */
  api: Answering = () => json({});
  #count = 0;
  /** When each token expires, in milliseconds since the epoch at the server. */
  readonly expiries = new Map<string, number>();

  constructor(ahead = 0) {
    super((request) => this.#answer(request), ahead);
  }

  get tokenRequests(): Received[] {
    return this.to('/token');
  }

  #answer(request: Received): Response | Promise<Response> {
    const { origin, pathname } = new URL(request.url);
    if (origin !== ISSUER) return this.api(request);
    if (pathname === METADATA) return json({ issuer: ISSUER, token_endpoint: `${ISSUER}/token`, ...this.metadata });
    if (pathname !== '/token') return new Response('no such page', { status: 404 });
    this.#count++;
    const count = this.#count;
    return this.refuse(request, count) ?? this.#issue(request, count);
  }

  #issue(request: Received, count: number): Response {
    const access_token = `t${count}`;
    this.expiries.set(access_token, Math.floor(this.now / 1000 + this.lifetime) * 1000);
    const token_type = request.headers.has('DPoP') ? 'DPoP' : 'Bearer';
    const headers = { 'X-Request-Id': `request-${count}` };
    return json({ access_token, token_type, expires_in: this.lifetime, ...this.token }, 200, headers);
  }

  /** Whether a token that it issued has expired. */
  isExpired(accessToken: string): boolean {
    return (this.expiries.get(accessToken) ?? 0) <= this.now;
  }
}
