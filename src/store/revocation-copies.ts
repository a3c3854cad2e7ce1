import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import type { ClientStatusCopy } from '../gates/protocol.ts';
import { KV_EXPIRY_MIN } from './constants.ts';
import { askStore } from './errors.ts';

// What KV tells of revocations, where every colo can read it fast: an entry for each revoked token, and one for what is so of all tokens
// of a client. They are written by the client's gate alone.

/** An entry, as a gate owes it to KV. */
export interface Copy {
  readonly key: string;
  readonly value: string;
  /** From when on it tells nothing any more, seconds since the epoch. */
  readonly expires_at: number;
}

// Of a client as well: whoever may revoke tokens of one client could else name another's.
const tokenKey = (clientId: string, jti: string) => `revoked:${clientId}:${jti}`;
const clientKey = (clientId: string) => `client:${clientId}`;

/** @param expiresAt the token's `exp` */
export function copyOfRevocation(clientId: string, jti: string, expiresAt: number): Copy {
  return { key: tokenKey(clientId, jti), value: '', expires_at: expiresAt };
}

/** Tokens that are issued later than `now`, in milliseconds since the epoch, are no concern of it. */
export function copyOfStatus(clientId: string, standing: ClientStatusCopy, now: number): Copy {
  const expires_at = Math.ceil(now / 1000) + ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW;
  return { key: clientKey(clientId), value: JSON.stringify(standing), expires_at };
}

/** @param now milliseconds since the epoch @throws StoreUnavailableError */
export function putCopy(kv: KVNamespace, { key, value, expires_at }: Copy, now: number): Promise<void> {
  // Relative, since KV would hold an absolute time against its own clock when the write arrives.
  const expirationTtl = Math.max(KV_EXPIRY_MIN, expires_at - Math.floor(now / 1000));
  return askStore('kv', () => kv.put(key, value, { expirationTtl }));
}

/** What KV tells of a token. That it tells nothing proves nothing: the copies lag, and misses are cached. */
export interface Copied {
  /** Whether it was revoked, alone or with all of its client's. That is so for good. */
  readonly isRevoked: boolean;
  /** Whether its client was disabled when the copy was made. It may be enabled by now. */
  readonly isDisabled: boolean;
}

/** @throws StoreUnavailableError */
export async function readCopies(
  kv: KVNamespace,
  { client_id, jti, iat }: { readonly client_id: string; readonly jti: string; readonly iat: number },
): Promise<Copied> {
  const [revoked, standing] = await askStore('kv', () =>
    Promise.all([kv.get(tokenKey(client_id, jti)), kv.get<ClientStatusCopy>(clientKey(client_id), 'json')]),
  );
  return {
    isRevoked: revoked !== null || iat <= (standing?.cut_off ?? -1),
    isDisabled: standing?.status === 'disabled',
  };
}
