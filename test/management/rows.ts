import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import { create } from '../http.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Every table of the schema, by name. */
export async function tables(): Promise<readonly string[]> {
  const found = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
  ).all<{ name: string }>();
  return found.results.map(({ name }) => name).filter((name) => name !== 'd1_migrations');
}

// Written when a key is used, whatever for, and with the first need of signing keys.
const OF_READING = new Map([
  ['api_keys', 'last_used_at'],
  ['signing_keys', '*'],
]);

/** All that D1 holds, table by table: what a request that may not write leaves as it is. */
export async function everyRow(): Promise<Readonly<Record<string, readonly Row[]>>> {
  const names = (await tables()).filter((name) => OF_READING.get(name) !== '*');
  const found = await env.DB.batch<Row>(names.map((name) => env.DB.prepare(`SELECT * FROM ${name} ORDER BY rowid`)));
  return Object.fromEntries(
    names.map((name, index) => {
      const noted = OF_READING.get(name);
      const rows = found[index]?.results ?? [];
      return [name, rows.map((row) => (noted === undefined ? row : { ...row, [noted]: null }))];
    }),
  );
}

/** The rows that a query finds. */
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

/** The problem document that a response must be. */
export async function problemOf(response: Response, status: number): Promise<Problem> {
  const text = await response.text();
  expect(response.status, text).toBe(status);
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  const problem = JSON.parse(text) as Problem;
  expect(problem.status).toBe(status);
  return problem;
}

/** What a problem points at: the fields of the body, or the parameters. */
export async function pointedAt(response: Response, status = 422): Promise<string[]> {
  return ((await problemOf(response, status)).errors ?? []).map(({ pointer, parameter }) => pointer ?? parameter ?? '');
}

/** An API key of an organization with these scopes. */
export async function keyWith(organization: string, scopes: readonly string[]): Promise<string> {
  const body = { organization_id: organization, name: crypto.randomUUID(), scopes };
  return (await create('api-keys', body)).api_key ?? '';
}
