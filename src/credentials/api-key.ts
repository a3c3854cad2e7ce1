import type { NotAuthenticated } from '../gate/protocol.ts';
import type { Services } from '../services.ts';
import { type ApiKey, findApiKey } from '../store/api-keys.ts';
import { isWellFormedSecret } from './secret.ts';
import { candidateHashes, equalInConstantTime } from './secret-hash.ts';

/** Who manages: the holder of `ROOT_API_KEY`, or of an organization's API key. */
export type Administrator = { readonly kind: 'root' } | ({ readonly kind: 'api_key' } & ApiKey);

/**
 * Finds out whose API key a text is.
 * @param address where it came from, for the filter that stands between guessers and D1
 * @param now milliseconds since the epoch
 * @param find looks a hash up; in D1, unless the caller remembers
 * @returns undefined for a key that is malformed, unknown or expired
 * @throws TooManyAttemptsError, StoreUnavailableError
 */
export async function authenticateApiKey(
  { attempts, config, db, masterKeys }: Pick<Services, 'attempts' | 'config' | 'db' | 'masterKeys'>,
  key: string,
  address: string,
  now: number,
  find: (hashes: readonly string[]) => Promise<ApiKey | undefined> = (hashes) => findApiKey(db, hashes),
): Promise<Administrator | undefined> {
  if (equalInConstantTime(key, config.rootApiKey)) return { kind: 'root' };
  const attempt = { subject: `api-key ${address}`, address };
  if (!isWellFormedSecret(key, 'emk_')) {
    attempts.refuse(attempt);
    return undefined;
  }
  const hashes = await candidateHashes(key, await masterKeys());
  const answer = await attempts.guard({ ...attempt, hashes }, async () => {
    const found = await find(hashes);
    const live = found && (found.expiresAt === null || found.expiresAt > now);
    return live ? { outcome: 'found' as const, administrator: { kind: 'api_key' as const, ...found } } : NOT_FOUND;
  });
  return answer.outcome === 'found' ? answer.administrator : undefined;
}

const NOT_FOUND: NotAuthenticated = { outcome: 'invalid_client', known: true, fingerprints: [] };
