import { addressFault } from './address.ts';
import { REMOTE_BODY_LIMIT_BYTES, REMOTE_DEADLINE_MS } from './constants.ts';
import { RemoteError } from './remote-error.ts';

const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i;

/**
 * Fetches a small remote JSON document from a public https URL. Follows no redirect, and requires a JSON content type, at most
 * `REMOTE_BODY_LIMIT_BYTES` and at most `REMOTE_DEADLINE_MS`.
 * @throws RemoteError
 */
export async function fetchJson(url: string): Promise<unknown> {
  if (addressFault(url) !== undefined) throw new RemoteError('address');
  const connection = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.abort();
  }, REMOTE_DEADLINE_MS);
  try {
    const response = await fetch(url, {
      headers: { Accept: 'application/json, application/jwk-set+json', 'User-Agent': 'Edgemint' },
      redirect: 'manual',
      // `source-state.ts` alone decides how long a document is cached.
      cache: 'no-store',
      signal: connection.signal,
    });
    return parse(await readBody(response));
  } catch (error) {
    if (error instanceof RemoteError) throw error;
    throw new RemoteError(isLate ? 'deadline' : 'network');
  } finally {
    clearTimeout(timer);
    // Stops the transfer if the body was not read to its end.
    connection.abort();
  }
}

async function readBody(response: Response): Promise<Uint8Array[]> {
  if (response.status >= 300 && response.status < 400) throw new RemoteError('redirect');
  if (response.status !== 200) throw new RemoteError('status', response.status >= 500 || response.status === 429);
  if (!JSON_TYPE.test(response.headers.get('Content-Type') ?? '')) throw new RemoteError('content_type');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > REMOTE_BODY_LIMIT_BYTES) throw new RemoteError('too_large');
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
