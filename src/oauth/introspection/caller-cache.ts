import { CALLER_AGE } from '../../constants.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import type { ApiKey } from '../../store/api-keys.ts';
import type { IntrospectedServer } from '../../store/resource-servers.ts';
import type { GateAnswer, IntrospectIntent } from '../client-authentication/intent.ts';
import { RECHECK_AGE } from '../constants.ts';

/** How an introspection checks revocation: by asking the gate, or by the copies in KV. The token's resource server chooses it. */
export type Strength = IntrospectedServer['introspection'];

/** The callers of the introspection endpoint that passed in the last `CALLER_AGE` seconds, and the resource servers they asked about. */
export class IntrospectionCallerCache {
  /** By client_id and the hashes of the client's secret. */
  readonly clients = new CallerCache<GateAnswer<IntrospectIntent>>();
  /** By the hashes of the API key. */
  readonly apiKeys = new CallerCache<ApiKey>();
  /** By the resource server's identifier: the resource server, or what was found in its place. */
  readonly servers = new CallerCache<IntrospectedServer | 'deleted' | 'unknown'>();
  /** The same for tokens whose client is not granted anything there any more, for `RECHECK_AGE` seconds. */
  readonly rechecked = new CallerCache<IntrospectedServer | 'deleted'>(RECHECK_AGE);
}

class CallerCache<V> {
  readonly #entries = new ExpiringCache<V>();
  readonly #age: number;

  /** @param age of an entry, in seconds */
  constructor(age = CALLER_AGE) {
    this.#age = age;
  }

  get(key: readonly string[]): V | undefined {
    return this.#entries.get(key.join(' '), Date.now());
  }

  /** @param until when the value is no longer right at the latest, milliseconds since the epoch */
  set(key: readonly string[], value: V, until = Number.POSITIVE_INFINITY): void {
    this.#entries.set(key.join(' '), value, Math.min(until, Date.now() + this.#age * 1000));
  }
}
