import { ATTEMPTS, DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER, REQUEST_TIMEOUT_MS } from '../constants.ts';
import { Failure } from '../failure.ts';
import type { Terminal } from './terminal.ts';

/** Failures after which a repeat would fail as surely. */
const LASTING = /^(ECONNREFUSED|ENOTFOUND|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)|redirect|bad port/;

export interface Exchange {
  readonly response: Response;
  /** More than one: an earlier attempt may have been followed, though its answer did not come. */
  readonly attempts: number;
}

/**
 * Sends a request, and again where the server was too busy or out of reach: it must be safe to repeat.
 * @throws Failure where no answer came
 */
export async function exchange(url: URL, init: RequestInit, terminal: Terminal): Promise<Exchange> {
  for (let attempts = 1; ; attempts++) {
    const response = await attempt(url, init, attempts < ATTEMPTS);
    const isBusy = response === undefined || response.status === 429 || response.status === 503;
    if (response && !(isBusy && attempts < ATTEMPTS)) return { response, attempts };
    const seconds = secondsToWait(response?.headers.get('Retry-After') ?? null);
    terminal.note(
      `${url.host} ${response ? `is busy (${response.status})` : 'did not answer'}: again in ${seconds} s …`,
    );
    await response?.body?.cancel();
    await terminal.io.sleep(seconds * 1000);
  }
}

/** @returns undefined where no answer came, and it `mayFail` for that */
async function attempt(url: URL, init: RequestInit, mayFail: boolean): Promise<Response | undefined> {
  try {
    // A redirect is not followed: credentials go nowhere but where their holder sent them.
    return await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  } catch (error) {
    const reason = reasonOf(error);
    if (mayFail && !LASTING.test(reason)) return undefined;
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
 * The JSON of an answer; undefined for an empty one.
 * @throws Failure for anything else
 */
export async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(`${response.url} did not answer with JSON (${response.status}): is the URL that of an Edgemint?`);
  }
}
