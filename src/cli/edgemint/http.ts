import { isJsonObject } from '../../lib/json.ts';
import { ATTEMPTS, DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER, REQUEST_TIMEOUT_MS } from '../constants.ts';
import { Failure } from '../failure.ts';
import type { Terminal } from './terminal.ts';

/** Matches reasons for which a repeated request would fail again. */
const PERMANENT = /^(ECONNREFUSED|ENOTFOUND|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)|redirect|bad port/;

export interface Exchange {
  readonly response: Response;
  /** If more than one, the server may have carried out an earlier attempt whose answer was lost. */
  readonly attempts: number;
}

/**
 * Sends a request, and repeats it if the server is busy or does not answer. The request must be safe to repeat.
 * @throws Failure if no attempt is answered
 */
export async function exchange(url: URL, init: RequestInit, terminal: Terminal): Promise<Exchange> {
  for (let attempts = 1; ; attempts++) {
    const response = await attempt(url, init, attempts < ATTEMPTS);
    const isBusy = response === undefined || response.status === 429 || response.status === 503;
    if (response && !(isBusy && attempts < ATTEMPTS)) return { response, attempts };
    const seconds = secondsToWait(response?.headers.get('Retry-After') ?? null);
    terminal.note(
      `${url.host} ${response ? `is busy (${response.status})` : 'did not answer'}. Trying again in ${seconds} s …`,
    );
    await response?.body?.cancel();
    await terminal.io.sleep(seconds * 1000);
  }
}

/** @returns undefined if no answer came and `mayFail` allows that */
async function attempt(url: URL, init: RequestInit, mayFail: boolean): Promise<Response | undefined> {
  try {
    // Following a redirect could send the credentials to another server.
    const signal = init.signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    return await fetch(url, { ...init, redirect: 'error', signal });
  } catch (error) {
    const reason = reasonOf(error);
    if (mayFail && !PERMANENT.test(reason)) return undefined;
    throw new Failure(`${url.origin} could not be reached: ${describeReason(reason)}.`);
  }
}

/** What the error names mean that Node and fetch give, for people who do not know them. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there. Is it running, and are host and port right?'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'its host name was not found. Is it right, and is there a network?'],
  [/^(ENETUNREACH|EHOSTUNREACH|ENETDOWN)$/, 'there is no network to it.'],
  [/^(ETIMEDOUT|UND_ERR_\w*TIMEOUT|TimeoutError)$/, 'it did not answer in time.'],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, 'it closed the connection.'],
  [/^(CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/, 'its certificate is not trusted.'],
  [/redirect/, 'it redirects. Use the URL that it redirects to.'],
];

/** Describes why a server could not be reached, without a full stop at the end. */
function describeReason(reason: string): string {
  const meaning = REASONS.find(([pattern]) => pattern.test(reason))?.[1];
  return meaning === undefined ? reason : `${meaning.replace(/\.$/, '')} (${reason})`;
}

function secondsToWait(retryAfter: string | null): number {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : DEFAULT_RETRY_AFTER;
  return Math.min(seconds, MAX_RETRY_AFTER);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && cause.name === 'TimeoutError') return cause.name;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Parses the JSON of an answer. Returns undefined if the answer is empty.
 * @throws Failure if it is neither
 */
export async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    const subject = `${response.url} did not answer with JSON (${response.status})`;
    if (response.status >= 500) throw new Failure(`${subject}: it, or a proxy before it, is out of order. Try later.`);
    throw new Failure(`${subject}. Is it the URL of an Edgemint?`);
  }
}

/** Returns the answer of the API, which is an object if there is one. @throws Failure if it is something else */
export function requireObject(body: unknown, url: string): object | undefined {
  if (body === undefined || isJsonObject(body)) return body;
  throw new Failure(`${url} did not answer as an Edgemint does. Is the URL right?`);
}
