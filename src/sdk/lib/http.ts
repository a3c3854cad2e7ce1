import { ANSWER_BYTES_MAX, REQUEST_TIMEOUT_MS } from './constants.ts';
import { SdkError } from './errors.ts';
import { type Moment, moment } from './moment.ts';
import { retryAfterSeconds } from './retry-after.ts';

/** A function with the signature of the global `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** How requests are sent. */
export interface HttpOptions {
  /** Sends the requests, such as through a proxy or with a certificate. Default: the global `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Milliseconds after which a request is given up. Default: 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Permits `http:` URLs of hosts other than this machine. Default: false. */
  readonly allowHttp?: boolean | undefined;
}

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON; undefined if the body is not JSON. */
  readonly body: unknown;
  readonly sentAt: Moment;
  readonly receivedAt: Moment;
}

/** The same, with its body as text. */
export interface TextAnswer extends Omit<Answer, 'body'> {
  readonly text: string;
}

/** Sends a request through the global `fetch` as it is at that moment: workerd refuses it as a member of another object. */
export const globalFetch: Fetch = (input, init) => fetch(input, init);

/** Sends a request, as `requestText`, and parses its answer. @throws SdkError */
export async function requestJson(url: string, init: RequestInit, options: HttpOptions): Promise<Answer> {
  const { text, ...answer } = await requestText(url, init, options);
  return { ...answer, body: parse(text) };
}

/**
 * Sends a request and reads its answer, of any status, within a deadline and a limit of bytes. It follows no redirect, because the
 * request may contain a credential.
 * @throws SdkError `network`, `timeout`, `redirect` or `answer_too_large`
 */
export async function requestText(url: string, init: RequestInit, options: HttpOptions): Promise<TextAnswer> {
  const send = options.fetch ?? globalFetch;
  const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const { origin } = new URL(url);
  const connection = new AbortController();
  const sentAt = moment();
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  // The deadline holds also for a `fetch` that ignores the signal.
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(new Error('the deadline has passed'));
      connection.abort();
    }, timeoutMs);
  });
  const exchange = async (): Promise<TextAnswer> => {
    const response = await send(url, { ...init, redirect: 'manual', signal: connection.signal });
    const receivedAt = moment();
    const { status, headers } = response;
    if (response.type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304)) {
      throw new SdkError('redirect', `${origin} answered with a redirect.`, {
        status,
        isTemporary: false,
      });
    }
    return { status, headers, text: await readText(response, origin), sentAt, receivedAt };
  };
  try {
    return await Promise.race([exchange(), deadline]);
  } catch (cause) {
    if (cause instanceof SdkError) throw cause;
    if (isLate)
      throw new SdkError('timeout', `${origin} did not answer within ${timeoutMs} ms.`, { isTemporary: true });
    throw new SdkError('network', `${origin} could not be reached.`, { isTemporary: true, cause });
  } finally {
    clearTimeout(timer);
    // Stops the transfer if the body was not read to its end.
    connection.abort();
  }
}

async function readText({ body, status }: Response, origin: string): Promise<string> {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for (;;) {
    const chunk = await reader?.read();
    if (!chunk || chunk.done) return text + decoder.decode();
    size += chunk.value.byteLength;
    if (size > ANSWER_BYTES_MAX) {
      const message = `The answer of ${origin} has more than ${ANSWER_BYTES_MAX} bytes.`;
      throw new SdkError('answer_too_large', message, { status, isTemporary: false });
    }
    text += decoder.decode(chunk.value, { stream: true });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns what the error of an answer says of it. */
export function detailsOf({ status, headers, receivedAt }: Omit<Answer, 'body'>) {
  const requestId = headers.get('X-Request-Id') ?? undefined;
  return { status, requestId, retryAfter: retryAfterSeconds(headers, receivedAt.wall) };
}

/** Whether a parsed JSON value is an object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Checks that a URL is safe to send a credential to: https, or http to this machine.
 * @param name what the URL is, for the error
 * @throws SdkError `invalid_option`
 */
export function requireSafeUrl(text: string, name: string, { allowHttp }: HttpOptions): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw invalidOption(`${name} is not a URL: ${text}`);
  const isLocal = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && (isLocal || allowHttp === true))) return url;
  throw invalidOption(`${name} must be an https URL, or set allowHttp: ${text}`);
}

/** Returns the error for a call that can never succeed. */
export function invalidOption(message: string): SdkError {
  return new SdkError('invalid_option', message, { isTemporary: false });
}
