import { fetchPublic, OutboundError } from '../outbound/fetch-public.ts';
import { REMOTE_BODY_LIMIT_BYTES, REMOTE_DEADLINE_MS } from './constants.ts';
import { RemoteError } from './remote-error.ts';

const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i;

// `source-state.ts` alone decides how long a document is cached.
const REQUEST = {
  headers: { Accept: 'application/json, application/jwk-set+json' },
  deadlineMs: REMOTE_DEADLINE_MS,
};

/**
 * Fetches a small remote JSON document from a public https URL. Follows no redirect, and requires a JSON content type, at most
 * `REMOTE_BODY_LIMIT_BYTES` and at most `REMOTE_DEADLINE_MS`.
 * @throws RemoteError
 */
export async function fetchJson(url: string): Promise<unknown> {
  const body = await fetchPublic(url, REQUEST, readBody).catch(asRemoteError);
  if (body instanceof RemoteError) throw body;
  return parse(body);
}

function asRemoteError(error: unknown): RemoteError {
  if (error instanceof OutboundError) return new RemoteError(error.fault);
  throw error;
}

async function readBody(response: Response): Promise<Uint8Array[] | RemoteError> {
  if (response.status >= 300 && response.status < 400) return new RemoteError('redirect');
  if (response.status !== 200) return new RemoteError('status', response.status >= 500 || response.status === 429);
  if (!JSON_TYPE.test(response.headers.get('Content-Type') ?? '')) return new RemoteError('content_type');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > REMOTE_BODY_LIMIT_BYTES) return new RemoteError('too_large');
    chunks.push(chunk);
  }
  return chunks;
}

function parse(chunks: readonly Uint8Array[]): unknown {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  try {
    const text = chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('');
    return JSON.parse(text + decoder.decode());
  } catch {
    throw new RemoteError('malformed');
  }
}
