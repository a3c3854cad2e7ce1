import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../lib/json.ts';
import { MAX_POLL_MS, PAGE_LIMIT, POLL_MS } from '../constants.ts';
import { Failure } from '../failure.ts';
import type { Connection } from './connection.ts';
import { exchange, readJson, requireObject } from './http.ts';
import { findIssuer } from './issuer.ts';
import { splitLines } from './lines.ts';
import { alreadyHas } from './merge-patch.ts';
import type { Change, Page } from './representations.ts';
import { RequestError } from './request-error.ts';
import type { Terminal } from './terminal.ts';

const NDJSON = 'application/x-ndjson';

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
  readonly etag: string | null;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface RequestParts {
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the request; by default a limit for all of it does. */
  readonly signal?: AbortSignal;
}

export interface Condition {
  /** The ETag that the representation must still have. */
  readonly ifMatch?: string | undefined;
  /** Whether dependents are deleted or changed too. */
  readonly cascade?: boolean | undefined;
}

/** Shows the progress of a change that was answered with 202. Without it such a change is not waited for. */
export type Progress = ((change: Change) => void) | undefined;

/** The management API of one server. Each method throws `RequestError` if the server answers with an error, else `Failure`. */
export class Api {
  readonly #connection: Connection;
  readonly #terminal: Terminal;
  readonly #progress: Progress;

  constructor(connection: Connection, terminal: Terminal, progress?: Progress) {
    this.#connection = connection;
    this.#terminal = terminal;
    this.#progress = progress;
  }

  /** The URL of the server. */
  get url(): string {
    return this.#connection.url;
  }

  /** The organization that is listed or created in. If undefined, it is that of the API key. */
  get organization(): string | undefined {
    return this.#connection.organization;
  }

  /** Returns the API of the same server, for another organization. */
  within(organization: string): Api {
    return new Api(
      { ...this.#connection, organization, organizationNamedBy: undefined },
      this.#terminal,
      this.#progress,
    );
  }

  /** Returns the issuer, as tokens name it. */
  issuer(): Promise<string> {
    return findIssuer(this.#connection.url, this.#terminal);
  }

  async get<Body>(path: string, query?: Query): Promise<Answer<Body>> {
    return (await this.#send('GET', path, { query })) as Answer<Body>;
  }

  async #page<Item>(path: string, query: Query): Promise<Page<Item>> {
    const { body } = await this.get<Page<Item>>(path, query);
    if (Array.isArray(Object(body).data)) return body;
    throw new Failure(`${this.url}/v1/${path} did not answer with a list. Is it the URL of an Edgemint?`);
  }

  /** Returns a page of a list. The server ends a page early if it checked many items of which none is wanted; such pages are skipped. */
  async page<Item>(path: string, query: Query): Promise<Page<Item>> {
    let page: Page<Item>;
    let { cursor } = query;
    do {
      page = await this.#page<Item>(path, { ...query, cursor });
      cursor = page.next_cursor ?? undefined;
    } while (page.data.length === 0 && cursor !== undefined);
    return page;
  }

  /** Returns all items of a list, page by page. */
  async all<Item>(path: string, query: Query = {}): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const body = await this.#page<Item>(path, { ...query, limit: query.limit ?? PAGE_LIMIT, cursor });
      items.push(...body.data);
      cursor = body.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  /**
   * Reads a list as JSON lines.
   * @throws StreamBroken if the connection breaks after the answer began
   */
  async *lines(path: string, query: Query): AsyncGenerator<string> {
    const limit = new AbortController();
    const response = await this.#exchange('GET', path, {
      query,
      headers: { Accept: NDJSON },
      signal: limit.signal,
    });
    const type = response.headers.get('Content-Type');
    if (!response.body || !type?.startsWith(NDJSON)) {
      throw new Failure('The server cannot stream this list: it has an older version.');
    }
    yield* splitLines(response.body, limit);
  }

  /** Sends any request. A POST has a fresh idempotency key. */
  async request<Body>(
    method: string,
    path: string,
    { query, body, ifMatch }: Pick<RequestParts, 'query' | 'body'> & Pick<Condition, 'ifMatch'>,
  ): Promise<Answer<Body>> {
    const headers = {
      ...conditional(ifMatch),
      ...(method === 'POST' && { 'Idempotency-Key': randomUUID() }),
      ...(method === 'PATCH' && { 'Content-Type': 'application/merge-patch+json' }),
    };
    return (await this.#send(method, path, { query, body, headers })) as Answer<Body>;
  }

  /** Posts with a fresh idempotency key, so that repeating a lost request is safe. */
  async post<Body>(path: string, body: unknown, { ifMatch }: Pick<Condition, 'ifMatch'> = {}): Promise<Answer<Body>> {
    const headers = { 'Idempotency-Key': randomUUID(), ...conditional(ifMatch) };
    return this.#settle((await this.#send('POST', path, { body, headers })) as Answer<Body>);
  }

  async patch<Body>(path: string, patch: JsonObject, { ifMatch, cascade }: Condition = {}): Promise<Answer<Body>> {
    const send = async (condition: string | undefined) => {
      const headers = { 'Content-Type': 'application/merge-patch+json', ...conditional(condition) };
      const request = { body: patch, headers, query: { cascade: cascade || undefined } };
      return this.#settle((await this.#send('PATCH', path, request)) as Answer<Body>);
    };
    try {
      return await send(ifMatch);
    } catch (error) {
      if (!(error instanceof RequestError && error.wasRepeated && error.status === 412)) throw error;
      // An earlier attempt, whose answer was lost, may have applied the patch and so changed the ETag.
      const current = await this.get<Body>(path);
      if (current.etag === null || !alreadyHas(current.body as JsonObject, patch)) throw error;
      // Repeat the patch: only its answer confirms that every gate knows the change.
      return send(current.etag);
    }
  }

  async delete(path: string, { ifMatch, cascade }: Condition = {}): Promise<Answer<unknown>> {
    const request = { headers: conditional(ifMatch), query: { cascade: cascade || undefined } };
    try {
      return await this.#settle(await this.#send('DELETE', path, request));
    } catch (error) {
      // An earlier attempt, whose answer was lost, may have deleted it.
      const wasDeleted = error instanceof RequestError && error.wasRepeated && error.status === 404;
      if (!wasDeleted) throw error;
      return { status: 204, body: undefined, etag: null };
    }
  }

  async #settle<Body>(answer: Answer<Body>): Promise<Answer<Body>> {
    if (answer.status !== 202 || !this.#progress) return answer;
    let change = answer.body as Change;
    while (change.status !== 'delivered') {
      this.#progress(change);
      await this.#terminal.io.sleep(pollAfter(change));
      change = (await this.get<Change>(`changes/${encodeURIComponent(change.id)}`)).body;
    }
    this.#progress(change);
    return { ...answer, body: change as Body };
  }

  async #send(method: string, path: string, parts: RequestParts): Promise<Answer<unknown>> {
    const response = await this.#exchange(method, path, parts);
    return {
      status: response.status,
      body: requireObject(await readJson(response), response.url),
      etag: response.headers.get('ETag'),
    };
  }

  async #exchange(
    method: string,
    path: string,
    { query = {}, headers, body, signal }: RequestParts,
  ): Promise<Response> {
    const { url, apiKey, organizationNamedBy } = this.#connection;
    const target = new URL(`${url}/v1/${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    const { response, attempts } = await exchange(
      target,
      {
        method,
        headers: {
          Accept: 'application/json',
          'Content-Type': 'application/json',
          ...(apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      },
      this.#terminal,
    );
    if (response.ok) return response;
    const content = await readJson(response);
    const mayCascade = method === 'DELETE' || path.startsWith('resource-servers/');
    const sent = { body, query, organizationNamedBy };
    throw new RequestError(response.status, Object(content), { wasRepeated: attempts > 1, mayCascade, sent });
  }
}

function conditional(ifMatch: string | undefined): Record<string, string> {
  return ifMatch === undefined ? {} : { 'If-Match': ifMatch };
}

function pollAfter({ gates, delivered, settles_at }: Change): number {
  if (delivered < gates || !settles_at) return POLL_MS;
  return Math.min(Math.max(Date.parse(settles_at) - Date.now(), POLL_MS), MAX_POLL_MS);
}
