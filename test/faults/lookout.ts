import { listDurableObjectIds, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inspect } from 'node:util';
import edgemint from '../../src/index.ts';
import type { Canaries, Sighting } from './canaries.ts';

/** The request line and the status of one exchange. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** The requests whose answers may show a secret, and the member of the answer that holds it. */
const SHOWN: readonly (readonly [
  request: RegExp,
  member: 'client_secret' | 'api_key' | 'access_token' | 'signing_secret' | 'url',
])[] = [
  [/^POST \/v1\/clients$/, 'client_secret'],
  [/^POST \/v1\/clients\/[^/]+\/secrets\/rotate$/, 'client_secret'],
  [/^POST \/oauth2\/rotate-secret$/, 'client_secret'],
  [/^POST \/v1\/api-keys$/, 'api_key'],
  [/^POST \/v1\/webhooks$/, 'signing_secret'],
  [/^POST \/v1\/webhooks\/[^/]+\/rotate-secret$/, 'signing_secret'],
  [/^POST \/oauth2\/token$/, 'access_token'],
  [/^POST \/v1\/(console|portal)-links$/, 'url'],
];

/** Records everything that the service writes: to the console, into its answers, into its stores. */
export class Lookout {
  readonly exchanges: Exchange[] = [];
  /** The arguments of every console call. */
  readonly written: { readonly method: string; readonly args: readonly unknown[] }[] = [];
  readonly #canaries: Canaries;
  /** Each text once, by the place in which it was seen. */
  readonly #seen = new Map<string, Set<string>>();
  readonly #undo: (() => void)[] = [];

  constructor(canaries: Canaries) {
    this.#canaries = canaries;
  }

  /** Begins to record the console and every answer of the Worker. From then on the console prints nothing. */
  begin(): void {
    for (const name of methodsOf(console)) {
      this.#replace(console, name, (...args: unknown[]) => {
        this.written.push({ method: name, args });
        for (const arg of args) this.see(`console.${name}`, arg);
      });
    }
    const { fetch } = edgemint;
    this.#replace(edgemint, 'fetch', async (request, ...rest) => {
      const isCreate = new URL(request.url).pathname === '/v1/clients';
      const requestBody = isCreate ? await request.clone().text() : '';
      try {
        const answer = await fetch(request, ...rest);
        await this.#seeAnswer(request, requestBody, answer.clone());
        return answer;
      } catch (error) {
        this.see('thrown by fetch', error);
        throw error;
      }
    });
  }

  /** Restores the console and the Worker. */
  end(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  #replace<T extends object, Name extends keyof T>(object: T, name: Name, value: T[Name]): void {
    const before = object[name];
    object[name] = value;
    this.#undo.push(() => {
      object[name] = before;
    });
  }

  /** Records everything that can be read from a value. */
  see(place: string, value: unknown): void {
    const texts = this.#seen.get(place) ?? new Set();
    this.#seen.set(place, texts.add(typeof value === 'string' ? value : everythingOf(value)));
  }

  /** Records the whole content of the stores. */
  async seeStores(): Promise<void> {
    await this.#seeD1();
    await this.#seeKv();
    for (const id of await listDurableObjectIds(env.CLIENT_GATE)) await this.#seeGate(id);
  }

  /** The places in which something was seen. */
  get places(): readonly string[] {
    return [...this.#seen.keys()];
  }

  /** Returns every secret that was seen in places whose names begin with one of these texts. */
  sightings(...places: readonly string[]): Sighting[] {
    return [...this.#seen]
      .filter(([place]) => places.some((beginning) => place.startsWith(beginning)))
      .flatMap(([place, texts]) => [...texts].flatMap((text) => this.#canaries.findIn(place, text)));
  }

  async #seeAnswer(request: Request, requestBody: string, answer: Response): Promise<void> {
    const path = new URL(request.url).pathname;
    this.exchanges.push({ method: request.method, path, status: answer.status });
    const body = answer.body ? await answer.text() : '';
    const member = SHOWN.find(([pattern]) => pattern.test(`${request.method} ${path}`))?.[1];
    const shown = answer.ok && member ? (JSON.parse(body) as Record<string, string>)[member] : undefined;
    // The secret of a link is its fragment.
    const secret = shown?.slice(shown.indexOf('#') + 1);
    // A secret may be shown once: in the answer that creates it, in a replay for its Idempotency-Key, or if the request brought it.
    const isOwn = secret !== undefined && (!this.#canaries.has(secret) || requestBody.includes(secret));
    const isAgain = answer.headers.get('Idempotent-Replayed') === 'true';
    const rest = secret !== undefined && (isOwn || isAgain) ? body.replace(secret, '') : body;
    if (secret !== undefined) this.#canaries.keep(`${member} of ${path}`, secret);
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${this.#withoutCookie(name, value)}`);
    // Do not record the path: the test may have sent a secret in it.
    this.see('answer', [answer.status, answer.statusText, ...headers].join('\n'));
    this.see('answer', rest);
  }

  /** Returns a header without the value of a cookie, which the answer that sets it may show. */
  #withoutCookie(name: string, value: string): string {
    const [, cookie] = (name === 'set-cookie' && /^[^=]+=([^;]+)/.exec(value)) || [];
    return cookie === undefined ? value : value.replace(this.#canaries.keep('the cookie of a session', cookie), '');
  }

  async #seeD1(): Promise<void> {
    const { results: tables } = await env.DB.prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
    ).all<{ name: string }>();
    for (const { name } of [...tables, { name: 'sqlite_master' }]) {
      const { results: rows } = await env.DB.prepare(`SELECT * FROM ${name}`).all();
      this.#seeRows(`D1 ${name}`, rows);
    }
  }

  async #seeKv(): Promise<void> {
    let cursor: string | null = null;
    do {
      const page: KVNamespaceListResult<unknown, string> = await env.KV.list(cursor === null ? {} : { cursor });
      for (const { name, metadata } of page.keys) {
        this.see('KV key', name);
        this.see(`KV ${name.includes(':') ? 'entry' : name}`, (await env.KV.get(name)) ?? '');
        this.see('KV metadata', JSON.stringify(metadata ?? null));
      }
      cursor = page.list_complete ? null : page.cursor;
    } while (cursor !== null);
  }

  async #seeGate(id: DurableObjectId): Promise<void> {
    const held = await runInDurableObject(env.CLIENT_GATE.get(id), async (_, { storage }) => {
      const tables = storage.sql
        .exec<{ name: string; sql: string }>(
          "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
        )
        .toArray();
      return {
        tables: tables.map(({ name, sql }) => ({
          name,
          sql,
          rows: storage.sql.exec(`SELECT * FROM ${name}`).toArray(),
        })),
        rest: [[...(await storage.list())], await storage.getAlarm()],
      };
    });
    for (const { name, sql, rows } of held.tables) {
      this.see('gate schema', sql);
      this.#seeRows(`gate ${name}`, rows);
    }
    this.see('gate storage', held.rest);
  }

  #seeRows(table: string, rows: readonly Record<string, unknown>[]): void {
    for (const row of rows) {
      for (const [column, value] of Object.entries(row)) this.see(`${table}.${column}`, value);
    }
  }
}

/** Returns the names of an object's methods, including inherited ones. */
function methodsOf(object: Console): (keyof Console)[] {
  const found = new Set<string>();
  for (let own = object; own && own !== Object.prototype; own = Object.getPrototypeOf(own)) {
    for (const name of Object.getOwnPropertyNames(own)) found.add(name);
  }
  const names = [...found] as (keyof Console)[];
  return names.filter((name) => String(name) !== 'constructor' && typeof object[name] === 'function');
}

/**
 * Returns everything that a value reveals if it is printed, inspected or serialized, or if each of its properties is read. The causes of
 * errors are included.
 */
function everythingOf(value: unknown, known = new Set<unknown>()): string {
  if (typeof value !== 'object' && typeof value !== 'function') return String(value);
  if (value === null || known.has(value)) return '';
  known.add(value);
  const parts: string[] = [
    attempt(() => String(value)),
    attempt(() => JSON.stringify(value)),
    attempt(() => inspect(value, { showHidden: true, depth: 9, maxStringLength: null, maxArrayLength: null })),
  ];
  if (ArrayBuffer.isView(value)) parts.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength).toHex());
  // D1 returns bytes as an array of numbers.
  if (Array.isArray(value) && value.every((one) => typeof one === 'number')) parts.push(Uint8Array.from(value).toHex());
  if (value instanceof ArrayBuffer) parts.push(new Uint8Array(value).toHex());
  if (value instanceof Map || value instanceof Set) parts.push(...[...value].map((one) => everythingOf(one, known)));
  for (const name of Reflect.ownKeys(value)) {
    parts.push(
      String(name),
      attempt(() => everythingOf(Reflect.get(value, name), known)),
    );
  }
  return parts.join('\n');
}

function attempt(read: () => string | undefined): string {
  try {
    return read() ?? '';
  } catch {
    return '';
  }
}
