import { setTimeout as sleep } from 'node:timers/promises';

/** The members of an answer's JSON. Each route has only some of them. */
export interface Body {
  readonly id: string;
  readonly client_id: string;
  readonly client_secret: string;
  readonly secret_id: string;
  readonly access_token: string;
  readonly active: boolean;
  readonly rank: string;
  readonly roles: string[];
  readonly metadata: Record<string, string>;
  readonly client_name: string;
  readonly data: Body[];
}

export interface Answer {
  readonly status: number;
  readonly body: Body;
  readonly isReplay: boolean;
}

export interface Credentials {
  readonly id: string;
  readonly secret: string;
}

const PATIENCE_MS = 60_000;
const RETRY_MS = 200;

/** The API of a running Edgemint. Every method returns the answer, or undefined if the connection was lost before it was complete. */
export class Service {
  readonly #issuer: string;
  readonly #rootApiKey: string;

  constructor(issuer: string, rootApiKey: string) {
    this.#issuer = issuer;
    this.#rootApiKey = rootApiKey;
  }

  manage(method: string, path: string, body?: unknown, key?: string): Promise<Answer | undefined> {
    const headers = {
      Authorization: `Bearer ${this.#rootApiKey}`,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(key !== undefined && { 'Idempotency-Key': key }),
    };
    return this.#send(`/v1/${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  }

  form(path: string, { id, secret }: Credentials, form: Record<string, string> = {}): Promise<Answer | undefined> {
    const body = new URLSearchParams({ client_id: id, client_secret: secret, ...form });
    return this.#send(`/oauth2/${path}`, { method: 'POST', body });
  }

  requestToken(client: Credentials): Promise<Answer | undefined> {
    return patiently(() => this.form('token', client, { grant_type: 'client_credentials' }));
  }

  introspect(caller: Credentials, token: string): Promise<Answer | undefined> {
    return patiently(() => this.form('introspect', caller, { token }));
  }

  show(path: string): Promise<Answer | undefined> {
    return patiently(() => this.manage('GET', path));
  }

  async #send(path: string, init: RequestInit): Promise<Answer | undefined> {
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const response = await fetch(`${this.#issuer}${path}`, { ...init, signal });
      const text = await response.text();
      const body = (text === '' ? {} : JSON.parse(text)) as Body;
      return { status: response.status, body, isReplay: response.headers.has('Idempotent-Replayed') };
    } catch (error) {
      // fetch() throws this if a connection could not be made or ended too early.
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

/**
 * Repeats a request while the answer is 503. The request must change nothing or be safe to repeat.
 * On a machine that stalls, a call to a store may exceed its deadline.
 */
export async function patiently(ask: () => Promise<Answer | undefined>): Promise<Answer | undefined> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer?.status !== 503 || Date.now() > end) return answer;
    await sleep(RETRY_MS);
  }
}

/** Returns the body of an answer. Throws if the answer is missing or has another status. */
export function requireAnswer(answer: Answer | undefined, status: number, what: string): Body {
  if (answer?.status === status) return answer.body;
  throw new Error(`${what}: ${answer ? `${answer.status} ${JSON.stringify(answer.body)}` : 'the connection was lost'}`);
}
