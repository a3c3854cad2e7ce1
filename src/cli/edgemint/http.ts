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
    throw new Failure(`${url.origin} could not be reached: ${reason}`);
  }
}

function secondsToWait(retryAfter: string | null): number {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : DEFAULT_RETRY_AFTER;
  return Math.min(seconds, MAX_RETRY_AFTER);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
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
    throw new Failure(`${response.url} did not answer with JSON (${response.status}). Is it the URL of an Edgemint?`);
  }
}
