import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { JSONWebKeySet } from 'jose';
import edgemint from '../../src/index.ts';
import type { Env } from '../../src/platform/env.ts';
import { basic, type Credentials, ISSUER, type TokenAnswer } from '../http.ts';
import { instrument } from '../instruments.ts';

type Incoming = Request<unknown, IncomingRequestCfProperties>;

/** One of several concurrent isolates. It shares only the stores and the gates with them. */
export class Isolate {
  readonly #bindings: Partial<Env>;
  #env: Env;

  /** @param bindings bindings that differ from the others': another configuration, or stores that fail for this isolate only */
  constructor(bindings: Partial<Env> = {}) {
    this.#bindings = bindings;
    this.#env = instrument({ ...env, ...bindings });
  }

  /** Replaces the isolate by a new one that holds nothing in memory. */
  restart(): void {
    this.#env = instrument({ ...env, ...this.#bindings });
  }

  send(path: string, init: RequestInit = {}): Promise<Response> {
    const request = new Request(new URL(path, ISSUER), init) as Incoming;
    return edgemint.fetch(request, this.#env, createExecutionContext());
  }

  post(path: string, form: Record<string, string>, { client_id, client_secret }: Credentials): Promise<Response> {
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      Authorization: basic(client_id, client_secret),
    };
    return this.send(path, { method: 'POST', headers, body: new URLSearchParams(form).toString() });
  }

  requestToken(client: Credentials): Promise<Response> {
    return this.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
  }

  async getToken(client: Credentials): Promise<string> {
    const { access_token } = await okay(await this.requestToken(client)).then((answer) => answer.json<TokenAnswer>());
    return access_token;
  }

  async isActive(caller: Credentials, token: string): Promise<boolean> {
    const answer = await okay(await this.post('/oauth2/introspect', { token }, caller));
    return (await answer.json<{ active: boolean }>()).active;
  }

  /** Sends a request to the management API, by default with the root key. */
  api(method: string, path: string, body?: unknown, { key = env.ROOT_API_KEY, headers = {} } = {}): Promise<Response> {
    return this.send(`/v1/${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** Sends a request to the management API that must succeed. */
  async done<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
    return (await okay(await this.api(method, path, body, key === undefined ? {} : { key }))).json<T>();
  }

  async jwks(): Promise<{ keys: JSONWebKeySet; kids: string[]; maxAge: number }> {
    const answer = await okay(await this.send('/.well-known/jwks.json'));
    const keys = await answer.json<JSONWebKeySet>();
    const [, maxAge] = /max-age=(\d+)/.exec(answer.headers.get('Cache-Control') ?? '') ?? [];
    return { keys, kids: keys.keys.map(({ kid = '' }) => kid), maxAge: Number(maxAge) * 1000 };
  }
}

async function okay(answer: Response): Promise<Response> {
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer;
}

/** A D1 whose every query fails, for the `env.DB` of one isolate. */
export const LOST_D1 = new Proxy(env.DB, {
  get(target, name) {
    const value = Reflect.get(target, name, target);
    if (name === 'batch') return () => Promise.reject(new Error('Network connection lost.'));
    return typeof value === 'function' ? value.bind(target) : value;
  },
});

/** A KV for one isolate, whose reads `read` answers. */
export function kvReading(read: (key: string, type: unknown) => Promise<unknown>): KVNamespace {
  return new Proxy(env.KV, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name === 'get') return read;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
