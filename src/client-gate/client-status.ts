import type { ClientRecord, ClientStatusCopy } from '../gates/protocol.ts';

/**
 * Whether a client has expired.
 * @param now the clock that never goes back, milliseconds since the epoch
 */
export function hasExpired({ expires_at }: Pick<ClientRecord, 'expires_at'>, now: number): boolean {
  return expires_at !== undefined && expires_at * 1000 <= now;
}

/** Returns the status that a client has at a moment. A status that this version does not know means `disabled`. */
export function statusAt(record: Pick<ClientRecord, 'status' | 'expires_at'>, now: number): ClientStatusCopy['status'] {
  const { status, expires_at } = record;
  const isOn = status === 'active' || (status === 'expiring' && expires_at !== undefined);
  return isOn && !hasExpired(record, now) ? 'active' : 'disabled';
}

/** Returns the lifetime of a token in seconds: it ends with its client. @param issuedAt its `iat` */
export function lifetimeWithin({ expires_at }: ClientRecord, lifetime: number, issuedAt: number): number {
  return expires_at === undefined ? lifetime : Math.min(lifetime, expires_at - issuedAt);
}
