import { KV_EXPIRY_MIN } from '../constants.ts';
import { askStore } from './errors.ts';

const key = (jti: string) => `revoked:${jti}`;

/**
 * Copies a revocation to KV, where every colo can read it fast, until the token has expired.
 * @param expiresAt the token's `exp`, seconds since the epoch
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export function copyRevocation(kv: KVNamespace, jti: string, expiresAt: number, now: number): Promise<void> {
  // Relative, since KV would hold an absolute time against its own clock when the write arrives.
  const expirationTtl = Math.max(KV_EXPIRY_MIN, expiresAt - Math.floor(now / 1000));
  return askStore('kv', () => kv.put(key(jti), '', { expirationTtl }));
}

/**
 * Whether KV holds a revocation. A miss proves nothing: the copy lags, and misses are cached.
 * @throws StoreUnavailableError
 */
export async function isRevocationCopied(kv: KVNamespace, jti: string): Promise<boolean> {
  return (await askStore('kv', () => kv.get(key(jti)))) !== null;
}
