import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import type { ClientStatusCopy, OwedCopy } from '../gates/protocol.ts';
import { KV_EXPIRY_MIN } from './constants.ts';
import { askStore } from './errors.ts';

// The copies of revocations in KV, where every location reads them fast: an entry for each revoked token, and one for the client's status
// and cut-off, which apply to all of its tokens. Only the client's gate writes them.

// The client_id is part of the key: a caller who may revoke tokens of one client could otherwise name a token of another. No id has a plus
// sign, so the first colon after the prefix ends the id.
const tokenKey = (clientId: string, jti: string) => `revoked:${clientId.replaceAll(':', '+')}:${jti}`;
const clientKey = (clientId: string) => `client:${clientId}`;

/** Returns the copy of a revocation. @param expiresAt the token's `exp`, seconds since the epoch */
export function copyOfRevocation(clientId: string, jti: string, expiresAt: number): OwedCopy {
  return { store: 'kv', key: tokenKey(clientId, jti), value: '', expires_at: expiresAt };
}

/**
 * Returns the copy of a client's status. It expires once every token that was issued until now has expired.
 * @param now milliseconds since the epoch
 */
export function copyOfStatus(clientId: string, status: ClientStatusCopy, now: number): OwedCopy {
  const expires_at = Math.ceil(now / 1000) + ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW;
  return { store: 'kv', key: clientKey(clientId), value: JSON.stringify(status), expires_at };
}

/** Writes a copy to KV. @param now milliseconds since the epoch @throws StoreUnavailableError */
export function putCopy(kv: KVNamespace, { key, value, expires_at }: OwedCopy, now: number): Promise<void> {
  // A relative time: KV would compare an absolute one with its own clock when the write arrives.
  const expirationTtl = Math.max(KV_EXPIRY_MIN, expires_at - Math.floor(now / 1000));
  return askStore('kv', () => kv.put(key, value, { expirationTtl }));
}

/** What the copies say about a token. A missing copy proves nothing: copies lag, and KV caches misses. */
export interface Copied {
  /** Whether the token was revoked, alone or by a cut-off of its client. This is final. */
  readonly isRevoked: boolean;
  /**
   * Whether its client was disabled when the copy was made, or has expired since. The client may be enabled by now, or its end moved, so
   * this is not final. The tokens that the disabling ended are revoked by the cut-off; only a copy of older code has none.
   */
  readonly isDisabled: boolean;
}

/** Reads the copies that concern a token. @param now milliseconds since the epoch @throws StoreUnavailableError */
export async function readCopies(
  kv: KVNamespace,
  { client_id, jti, iat }: { readonly client_id: string; readonly jti: string; readonly iat: number },
  now: number,
): Promise<Copied> {
  const [revocation, status] = await askStore('kv', () =>
    Promise.all([kv.get(tokenKey(client_id, jti)), kv.get<ClientStatusCopy>(clientKey(client_id), 'json')]),
  );
  return {
    isRevoked: revocation !== null || iat <= (status?.cut_off ?? -1),
    isDisabled: status !== null && (status.status !== 'active' || (status.expires_at ?? Infinity) * 1000 <= now),
  };
}
