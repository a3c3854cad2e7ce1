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

export type Answering = (request: Received, count: number) => Response | Promise<Response>;

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
  readonly #start: number;
  readonly #answer: Answering;

  /** @param ahead how far its clock is ahead of the machine's, in milliseconds */
  constructor(answer: Answering, ahead = 0) {
    this.#answer = answer;
    this.#start = Date.now() + ahead - performance.now();
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#start + performance.now();
  }

  /** The requests to a path. */
  to(path: string): Received[] {
    return this.requests.filter(({ url }) => new URL(url).pathname === path);
  }

  readonly fetch: Fetch = async (input, init) => {
    const request = new Request(input, init);
    const received: Received = {
      url: request.url,
      method: request.method,
      headers: request.headers,
      form: new URLSearchParams(request.body ? await request.text() : ''),
      signal: init?.signal ?? undefined,
      at: this.now,
    };
    this.requests.push(received);
    const count = this.to(new URL(request.url).pathname).length;
    const response = await Promise.race([this.#answer(received, count), aborted(received.signal)]);
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
