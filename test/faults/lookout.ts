import { listDurableObjectIds, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inspect } from 'node:util';
import edgemint from '../../src/index.ts';
import type { Canaries, Sighting } from './canaries.ts';

/** An answer, and what it is the answer to. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** The answers that show a secret, by method and path: the one member that has it. */
const SHOWN: readonly (readonly [request: RegExp, member: 'client_secret' | 'api_key' | 'access_token'])[] = [
  [/^POST \/v1\/clients$/, 'client_secret'],
  [/^POST \/v1\/clients\/[^/]+\/secrets\/rotate$/, 'client_secret'],
  [/^POST \/oauth2\/rotate-secret$/, 'client_secret'],
  [/^POST \/v1\/api-keys$/, 'api_key'],
  [/^POST \/oauth2\/token$/, 'access_token'],
];

/** Sees all that the service writes anywhere: to the console, into its answers, into its stores. */
export class Lookout {
  readonly exchanges: Exchange[] = [];
  /** What the console was given, each time. */
  readonly written: { readonly method: string; readonly args: readonly unknown[] }[] = [];
  readonly #canaries: Canaries;
  /** Each text once, by the place where it was seen. */
  readonly #seen = new Map<string, Set<string>>();
  readonly #undo: (() => void)[] = [];

  constructor(canaries: Canaries) {
    this.#canaries = canaries;
  }

  /** Begins to watch the console and every answer of the Worker's, whoever asks. The console shows nothing from then on. */
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
      const said = isCreate ? await request.clone().text() : '';
      try {
        const answer = await fetch(request, ...rest);
        await this.#seeAnswer(request, said, answer.clone());
        return answer;
      } catch (error) {
        this.see('thrown by fetch', error);
        throw error;
      }
    });
  }

  /** Leaves everything as it was. */
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

  /** Sees whatever can be read of a value. */
  see(place: string, value: unknown): void {
    const texts = this.#seen.get(place) ?? new Set();
    this.#seen.set(place, texts.add(typeof value === 'string' ? value : everythingOf(value)));
  }

  /** Sees all that the stores hold now. */
  async seeStores(): Promise<void> {
    await this.#seeD1();
    await this.#seeKv();
    for (const id of await listDurableObjectIds(env.CLIENT_GATE)) await this.#seeGate(id);
  }

  /** Where something was seen. */
  get places(): readonly string[] {
    return [...this.#seen.keys()];
  }

  /** Every secret that was seen at the places that begin like one of these. */
  sightings(...places: readonly string[]): Sighting[] {
    return [...this.#seen]
      .filter(([place]) => places.some((beginning) => place.startsWith(beginning)))
      .flatMap(([place, texts]) => [...texts].flatMap((text) => this.#canaries.findIn(place, text)));
  }

  async #seeAnswer(request: Request, said: string, answer: Response): Promise<void> {
    const path = new URL(request.url).pathname;
    this.exchanges.push({ method: request.method, path, status: answer.status });
    const body = answer.body ? await answer.text() : '';
    const member = SHOWN.find(([pattern]) => pattern.test(`${request.method} ${path}`))?.[1];
    const secret = answer.ok && member ? (JSON.parse(body) as Record<string, string>)[member] : undefined;
    // Once, in the answer that made it, or brings it back to who asks with the same key, or to who brought it along.
    const isOwn = secret !== undefined && (!this.#canaries.has(secret) || said.includes(secret));
    const isAgain = answer.headers.get('Idempotent-Replayed') === 'true';
    const rest = secret !== undefined && (isOwn || isAgain) ? body.replace(secret, '') : body;
    if (secret !== undefined) this.#canaries.keep(`${member} of ${path}`, secret);
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
    // No path here: it may be the secret that was sent there.
    this.see('answer', [answer.status, answer.statusText, ...headers].join('\n'));
    this.see('answer', rest);
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

/** The names of an object's methods, its prototype's included. */
function methodsOf(object: Console): (keyof Console)[] {
  const found = new Set<string>();
  for (let own = object; own && own !== Object.prototype; own = Object.getPrototypeOf(own)) {
    for (const name of Object.getOwnPropertyNames(own)) found.add(name);
  }
  const names = [...found] as (keyof Console)[];
  return names.filter((name) => String(name) !== 'constructor' && typeof object[name] === 'function');
}

/** What a value shows to whoever prints, inspects or serializes it, or looks at each of its properties, those of its causes included. */
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
  // As D1 gives bytes.
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
