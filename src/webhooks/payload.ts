import type { StoredEvent } from '../store/webhook-deliveries.ts';
import { WEBHOOK_BODY_LIMIT_BYTES } from './constants.ts';

/** The payload of an event: its type, when it happened, and its data. */
export interface Payload {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Returns the payload of an event. Changes that would make it larger than `WEBHOOK_BODY_LIMIT_BYTES` are left out, and it says so. */
export function payloadOf({ type, at, data }: StoredEvent): Payload {
  const payload = { type, timestamp: new Date(at).toISOString(), data };
  if (new TextEncoder().encode(JSON.stringify(payload)).byteLength <= WEBHOOK_BODY_LIMIT_BYTES) return payload;
  return { ...payload, data: { ...data, changes: null, changes_omitted: true } };
}
