import { fetchPublic, OutboundError } from '../outbound/fetch-public.ts';
import type { StoredEvent } from '../store/webhook-deliveries.ts';
import { WEBHOOK_ANSWER_LIMIT_BYTES, WEBHOOK_ANSWER_TIME_MS, WEBHOOK_DEADLINE_MS } from './constants.ts';
import { payloadOf } from './payload.ts';
import type { Outcome } from './retry.ts';
import { signMessage } from './secret.ts';

/**
 * Sends an event once, signed as [Standard Webhooks](https://www.standardwebhooks.com/) says. Never throws.
 * @param keys of the signing secrets
 */
export async function attempt(url: string, event: StoredEvent, keys: readonly CryptoKey[]): Promise<Outcome> {
  const body = JSON.stringify(payloadOf(event));
  const at = Math.floor(Date.now() / 1000);
  const headers = {
    'Content-Type': 'application/json',
    'webhook-id': event.id,
    'webhook-timestamp': String(at),
    'webhook-signature': await signMessage(keys, event.id, at, body),
  };
  try {
    return await fetchPublic(url, { method: 'POST', headers, body, deadlineMs: WEBHOOK_DEADLINE_MS }, judge);
  } catch (error) {
    return { status: null, fault: error instanceof OutboundError ? error.fault : 'network' };
  }
}

async function judge(response: Response): Promise<Outcome> {
  const { status, ok, headers } = response;
  await readSome(response);
  if (ok) return { status, fault: null };
  if (status >= 300 && status < 400) return { status, fault: 'redirect' };
  const retryAfter = /^\d{1,9}$/.exec(headers.get('Retry-After') ?? '')?.[0];
  return { status, fault: 'status', retryAfter: retryAfter === undefined ? undefined : Number(retryAfter) };
}

/** Reads a small body to its end, so that the receiver sees no broken connection. A body that is long or slow is cut off. */
async function readSome({ body }: Response): Promise<void> {
  if (!body) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), WEBHOOK_ANSWER_TIME_MS);
  try {
    for (let size = 0; size < WEBHOOK_ANSWER_LIMIT_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
    }
  } catch {
    // The status is known, and the body does not matter.
  } finally {
    clearTimeout(timer);
  }
}
