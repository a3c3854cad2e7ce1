import { CALLER_AGE } from '../../constants.ts';
import type { Authentication, Identified, NotAuthenticated, Unavailable } from '../../gates/protocol.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import type { ApiKey } from '../../store/api-keys.ts';
import type { ResourceServer } from '../../store/resource-servers.ts';

/** How much an introspection is worth, as the resource server of the token chose it. */
export type Strength = ResourceServer['introspection'];

export type AuthenticatedClient = Exclude<Authentication, Unavailable | NotAuthenticated>;

/**
 * What was found of introspection callers in the last `CALLER_AGE` seconds, by their credentials' hashes, and of the resource servers that
 * they ask for. Of callers only success is remembered.
 */
export class IntrospectionCallerCache {
  readonly #clients = new ExpiringCache<AuthenticatedClient>();
  readonly #apiKeys = new ExpiringCache<ApiKey>();
  readonly #strengths = new ExpiringCache<Strength>();

  client({ client_id, proof }: Identified, ask: () => Promise<Exclude<Authentication, Unavailable>>) {
    // One that may be used once is no credential that could be remembered, and others are no cheaper to know than to check.
    if (proof.kind === 'key') return ask();
    const isClient = (found: Awaited<ReturnType<typeof ask>>) => found.outcome === 'authenticated';
    return recall(this.#clients, [client_id, ...proof.hashes], ask, isClient);
  }

  apiKey(hashes: readonly string[], ask: () => Promise<ApiKey | undefined>) {
    return recall(this.#apiKeys, hashes, ask, (found) => found !== undefined);
  }

  strength(identifier: string, ask: () => Promise<Strength>) {
    return recall(this.#strengths, [identifier], ask, (found): found is Strength => found !== undefined);
  }
}

async function recall<T, Found extends T>(
  memory: ExpiringCache<Found>,
  credential: readonly string[],
  ask: () => Promise<T>,
  isFound: (answer: T) => answer is T & Found,
): Promise<T> {
  const key = credential.join(' ');
  const known = memory.get(key, Date.now());
  if (known !== undefined) return known;
  const answer = await ask();
  if (isFound(answer)) memory.set(key, answer, Date.now() + CALLER_AGE * 1000);
  return answer;
}
