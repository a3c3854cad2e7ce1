import { waitUntil } from 'cloudflare:workers';
import { LAST_USED_PRECISION } from './constants.ts';
import { ApiKeys } from './credentials/api-key.ts';
import { OwnClientIds } from './credentials/client-id.ts';
import { type AcceptedKeys, deriveMasterKeys, type MasterKeys } from './credentials/master-key.ts';
import { AttemptFilter } from './gates/attempt-filter.ts';
import { Gates } from './gates/gates.ts';
import { KeyRing } from './keys/key-ring.ts';
import { ClientAuthenticationCache } from './oauth/client-authentication/authentication-cache.ts';
import { IntrospectionCallerCache } from './oauth/introspection/caller-cache.ts';
import { DpopNonces } from './oauth/sender-constraint/dpop-nonce.ts';
import { StoreProbes } from './oauth/store-probes.ts';
import { type Config, readConfig } from './platform/config.ts';
import type { Env } from './platform/env.ts';
import { RemoteKeys } from './remote-keys/remote-keys.ts';
import { findApiKey, noteApiKeyUse } from './store/api-keys.ts';
import { recordThrottling } from './store/audit-events.ts';
import { type Database, database } from './store/database.ts';

/** What an isolate keeps between requests, made once for its environment. */
export interface Services {
  readonly env: Env;
  readonly config: Config;
  readonly db: Database;
  /** Those that are set: what is sealed or made is so under the first. */
  readonly masterKeys: () => Promise<MasterKeys>;
  /** Those whose hashes and tags are accepted. */
  readonly acceptedKeys: () => Promise<AcceptedKeys>;
  readonly keyRing: KeyRing;
  readonly gates: Gates;
  readonly ownClientIds: OwnClientIds;
  readonly apiKeys: ApiKeys;
  readonly attempts: AttemptFilter;
  /** Of those who report leaked secrets. */
  readonly leakReports: AttemptFilter;
  readonly callers: IntrospectionCallerCache;
  readonly authentications: ClientAuthenticationCache;
  readonly remoteKeys: RemoteKeys;
  readonly dpopNonces: DpopNonces;
  readonly probes: StoreProbes;
}

/** @throws ConfigurationError */
export function createServices(env: Env): Services {
  const config = readConfig(env);
  let derived: MasterKeys | undefined;
  // The value is kept, not the promise: a promise belongs to the request that made it.
  const masterKeys = async () => {
    derived ??= await deriveMasterKeys(config.masterKeys);
    return derived;
  };
  const keyRing = new KeyRing(env, masterKeys);
  const acceptedKeys = async () => (await keyRing.current(Date.now())).acceptedKeys;
  const db = database(env.DB);
  const gates = new Gates(env.CLIENT_GATE);
  return {
    env,
    config,
    db,
    masterKeys,
    acceptedKeys,
    keyRing,
    gates,
    ownClientIds: new OwnClientIds(acceptedKeys),
    apiKeys: new ApiKeys(
      config.rootApiKey,
      acceptedKeys,
      (hashes) => findApiKey(db, hashes),
      // Who cannot be told when a key was used can use it all the same.
      (id, now) => waitUntil(noteApiKeyUse(db, id, now, now - LAST_USED_PRECISION * 1000).catch(() => undefined)),
    ),
    attempts: new AttemptFilter(env.FAILED_ATTEMPTS, ({ subject, address }, now) =>
      waitUntil(recordThrottling(db, subject, address, now).catch(() => undefined)),
    ),
    leakReports: new AttemptFilter(countingApart(env.FAILED_ATTEMPTS, 'leak-report'), () => {}),
    callers: new IntrospectionCallerCache(),
    authentications: new ClientAuthenticationCache(gates),
    remoteKeys: new RemoteKeys(),
    dpopNonces: new DpopNonces(masterKeys),
    probes: new StoreProbes(),
  };
}

// Whoever asks for tokens chooses the client_id that failures are counted under: no such count may be another filter's.
function countingApart(binding: RateLimit, name: string): RateLimit {
  return { limit: ({ key }) => binding.limit({ key: `${name} ${key}` }) };
}
