import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import type { UsageCount } from '../../src/gates/protocol.ts';
import { create } from '../http.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Returns the names of all tables of the schema. */
export async function tables(): Promise<readonly string[]> {
  const found = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
  ).all<{ name: string }>();
  return found.results.map(({ name }) => name).filter((name) => name !== 'd1_migrations');
}

// Columns that are written while nothing but reads are requested: the last use of a key, and that of a client, which its gate writes, and
// the progress of deliveries. `*`: the whole table; that of signing keys is filled when they are first needed.
const OF_READING = new Map<string, '*' | readonly string[]>([
  ['api_keys', ['last_used_at']],
  ['clients', ['last_used_at']],
  ['signing_keys', '*'],
  ['webhooks', ['due_at', 'held_until', 'failures', 'failing_since']],
  ['webhook_deliveries', '*'],
]);

/** Returns all rows of D1 by table, except those that a read may change. A request that must not write leaves them as they are. */
export async function everyRow(): Promise<Readonly<Record<string, readonly Row[]>>> {
  const names = (await tables()).filter((name) => OF_READING.get(name) !== '*');
  const found = await env.DB.batch<Row>(names.map((name) => env.DB.prepare(`SELECT * FROM ${name} ORDER BY rowid`)));
  return Object.fromEntries(
    names.map((name, index) => {
      const noted = OF_READING.get(name);
      const nulls = Object.fromEntries([...(noted ?? [])].map((column) => [column, null]));
      const rows = found[index]?.results ?? [];
      return [name, rows.map((row) => ({ ...row, ...nulls }))];
    }),
  );
}

/** Returns the rows that a query finds. */
export async function rowsOf<T = Row>(sql: string, ...bound: unknown[]): Promise<T[]> {
  return (
    await env.DB.prepare(sql)
      .bind(...bound)
      .all<T>()
  ).results;
}

export interface Problem {
  readonly type: string;
  readonly status: number;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly detail: string }[];
  readonly orphans?: readonly { readonly type: string; readonly id: string; readonly name: string }[];
  readonly orphans_total?: number;
}

/** Returns the problem document of a response, which must have this status. */
export async function problemOf(response: Response, status: number): Promise<Problem> {
  const text = await response.text();
  expect(response.status, text).toBe(status);
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  const problem = JSON.parse(text) as Problem;
  expect(problem.status).toBe(status);
  return problem;
}

/** Returns the fields of the body, or the parameters, at which the errors of a problem point. */
export async function pointedAt(response: Response, status = 422): Promise<string[]> {
  return ((await problemOf(response, status)).errors ?? []).map(({ pointer, parameter }) => pointer ?? parameter ?? '');
}

/** Creates an API key of an organization with these scopes. */
export async function keyWith(organization: string, scopes: readonly string[]): Promise<string> {
  const body = { organization_id: organization, name: crypto.randomUUID(), scopes };
  return (await create('api-keys', body)).api_key ?? '';
}

/** Returns a client's usage in D1, the oldest hour first. */
export function usageRowsOf(clientId: string): Promise<UsageCount[]> {
  return rowsOf<UsageCount>(
    `SELECT day + 3600000 * hour.key AS hour, outcome.key AS outcome, hour.value AS count
    FROM client_usage_days, json_each(counts, '$.outcomes') AS outcome, json_each(outcome.value) AS hour
    WHERE client_id = ? ORDER BY 1, 2`,
    clientId,
  );
}
