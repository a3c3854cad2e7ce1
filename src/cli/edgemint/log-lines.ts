import { isJsonObject, type JsonObject } from '../../lib/json.ts';
import { line } from './printable.ts';
import type { Style } from './style.ts';

/** Which lines of the log to show. */
export interface LogFilter {
  readonly client?: string;
  readonly reason?: string;
  readonly request?: string;
  /** A status such as `401`, or a class of them such as `4xx`. */
  readonly status?: string;
  readonly event?: string;
}

/** Returns the objects that our Worker logged, from one line of the log, or from one event of wrangler's tail in JSON. */
export function logEntries(text: string): JsonObject[] {
  const value = parse(text);
  if (!isJsonObject(value)) return [];
  if (typeof value.event === 'string') return [value];
  const logs = Array.isArray(value.logs) ? value.logs : [];
  const messages = logs.flatMap((log) => (isJsonObject(log) && Array.isArray(log.message) ? log.message : []));
  const own = messages.flatMap((message) => {
    const entry = typeof message === 'string' ? parse(message) : message;
    return isJsonObject(entry) && typeof entry.event === 'string' ? [entry] : [];
  });
  const exceptions = Array.isArray(value.exceptions) ? value.exceptions.filter(isJsonObject) : [];
  return [...own, ...exceptions.map(({ name, message }) => ({ event: 'exception', name, message }))];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a filter lets an entry through. */
export function passes(entry: JsonObject, { client, reason, request, status, event }: LogFilter): boolean {
  const hasStatus = status === undefined || new RegExp(`^${status.replaceAll('x', '\\d')}$`).test(String(entry.status));
  const wanted = { client_id: client, reason, request_id: request, event };
  return hasStatus && Object.entries(wanted).every(([name, value]) => value === undefined || entry[name] === value);
}

const IN_HEAD = new Set(['event', 'method', 'route', 'status', 'outcome', 'reason', 'ms', 'request_id', 'client_id']);

/** Formats an entry of the log for people, on one line. */
export function describeEntry(entry: JsonObject, { green, red, yellow, dim }: Style): string {
  const { event, method, route, status, reason, ms, request_id, client_id } = entry;
  const paint = Number(status) >= 500 ? red : Number(status) >= 400 ? yellow : green;
  const rest = Object.entries(entry)
    .filter(([name, value]) => !IN_HEAD.has(name) && value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`);
  const head =
    event === 'request'
      ? [paint(line(String(status))), line(`${method} ${route ?? '(no route)'}`)]
      : [event === 'exception' || entry.ok === false ? red(line(String(event))) : line(String(event))];
  const known = [reason, client_id, ms === undefined ? undefined : `${ms} ms`].filter(
    (one) => one !== undefined && one !== null,
  );
  return [...head, ...known.map((one) => line(String(one))), dim(line([...rest, request_id ?? ''].join(' ')))]
    .join('  ')
    .trimEnd();
}

/** Splits a stream of JSON values, which may each take several lines, at the ends of the values. */
export class JsonSplitter {
  #buffer = '';

  /** Returns the values that are complete now. */
  push(text: string): string[] {
    const values: string[] = [];
    for (const part of text.split(/(?<=\n)/)) {
      // A value begins with a brace at the beginning of a line; those inside it are indented. One that was cut off is dropped.
      if (part.startsWith('{') && (this.#buffer === '' || this.#buffer.endsWith('\n'))) this.#buffer = '';
      this.#buffer += part;
      if (!part.endsWith('\n')) continue;
      const candidate = this.#buffer.trim();
      // Text of wrangler's between the values is dropped.
      if (candidate === '' || !candidate.startsWith('{')) this.#buffer = '';
      else if (parse(candidate) !== undefined) {
        values.push(candidate);
        this.#buffer = '';
      }
    }
    return values;
  }
}
