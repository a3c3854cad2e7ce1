import { SdkError } from '../lib/errors.ts';
import { globalFetch, requireSafeUrl } from '../lib/http.ts';
import { challengeError } from './challenge.ts';
import type { TokenHolder } from './token-holder.ts';

/** As `TokenSource.fetch`. */
export async function fetchWithToken(
  holder: TokenHolder,
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const { options, server } = holder;
  const send = options.fetch ?? globalFetch;
  const request = typeof input === 'object' && 'url' in input ? input : undefined;
  const { href: url } = requireSafeUrl(String(request?.url ?? input), 'The URL', options);
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase();
  const signal = init.signal ?? request?.signal ?? undefined;
  const isRepeatable = canRepeat(request, init);
  let token = await holder.token({ signal });
  let isNonceSent = false;
  let isReplaced = false;
  for (;;) {
    const headers = new Headers(init.headers ?? request?.headers);
    headers.set('Authorization', `${token.token_type} ${token.access_token}`);
    if (token.token_type === 'DPoP' && server.prover) {
      const proof = { method, url, accessToken: token.access_token, now: server.clock.now() };
      headers.set('DPoP', await server.prover.proof(proof));
    }
    const response = await send(input, { ...init, headers });
    const isNonceNew = server.prover?.observe(url, response.headers) ?? false;
    if (response.status !== 401) return response;
    const error = challengeError(response.headers);
    if (error === 'use_dpop_nonce' && isNonceNew && !isNonceSent && isRepeatable) {
      isNonceSent = true;
      await discard(response);
      continue;
    }
    if (error !== 'invalid_token' || isReplaced) return response;
    holder.notify({ type: 'refused', url });
    if (!isRepeatable) {
      // The caller sends the request again, and should find another token.
      holder.replaceInBackground(token);
      return response;
    }
    try {
      token = await holder.token({ signal, replaces: token.access_token });
    } catch (failure) {
      // Without a new token, the answer of the API is what the caller can use.
      if (failure instanceof SdkError) return response;
      throw failure;
    }
    isReplaced = true;
    isNonceSent = false;
    await discard(response);
  }
}

/** Whether the request can be sent again: a stream can be read once. */
function canRepeat(request: Request | undefined, { body }: RequestInit): boolean {
  if (body === undefined || body === null) return !request?.body;
  if (typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  return [ArrayBuffer, Blob, FormData, URLSearchParams].some((type) => body instanceof type);
}

async function discard(response: Response): Promise<void> {
  // The connection can be used again once the body is gone.
  await response.body?.cancel().catch(() => undefined);
}
