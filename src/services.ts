import { waitUntil } from 'cloudflare:workers';
import { LAST_USED_PRECISION } from './constants.ts';
import { ApiKeys } from './credentials/api-key.ts';
import { OwnClientIds } from './credentials/client-id.ts';
import { deriveMasterKeys, type MasterKeys } from './credentials/master-key.ts';
import { AttemptFilter } from './gates/attempt-filter.ts';
import { LOOK_UP_DEADLINE_MS } from './gates/constants.ts';
import { Gates } from './gates/gates.ts';
import { ImportedClientIds } from './gates/imported-client-ids.ts';
import { KeyRing } from './keys/key-ring.ts';
import { ProblemError } from './management/http/problem.ts';
import type { ManagementServices } from './management/services.ts';
import { ClientAuthenticationCache } from './oauth/client-authentication/authentication-cache.ts';
import { WorkloadDirectory } from './oauth/client-authentication/workload-directory.ts';
import { IntrospectionCallerCache } from './oauth/introspection/caller-cache.ts';
import { ClaimedClients } from './oauth/refusals/claimed-client.ts';
import { RefusalReports } from './oauth/refusals/refusal-reports.ts';
import { RevocationFeeds } from './oauth/revocation-feed/feeds.ts';
import { SignedPages } from './oauth/revocation-feed/signed-pages.ts';
import { DpopNonces } from './oauth/sender-constraint/dpop-nonce.ts';
import type { OAuthServices } from './oauth/services.ts';
import { StoreProbes } from './oauth/store-probes.ts';
import { readConfig } from './platform/config.ts';
import type { Env } from './platform/env.ts';
import { RemoteKeys } from './remote-keys/remote-keys.ts';
import type { SessionServices } from './sessions/services.ts';
import { findApiKey, recordApiKeyUse } from './store/api-keys.ts';
import { recordThrottling } from './store/audit-events.ts';
import { database } from './store/database.ts';
import { findClientIds } from './store/imported-clients.ts';
import { findWorkloads } from './store/workloads.ts';
import { SignedTokens } from './tokens/signed-tokens.ts';
import { WebhookSender } from './webhooks/sender.ts';

/** Everything that an isolate keeps between requests, made once per environment. Each API sees the part that it may touch. */
export interface Services extends OAuthServices, ManagementServices, SessionServices {
  readonly env: Env;
}

/** @throws ConfigurationError */
export function createServices(env: Env): Services {
  const config = readConfig(env);
  let derived: MasterKeys | undefined;
  // Caches the value, not the promise: another request must not wait for a promise of this one.
  const masterKeys = async () => {
    derived ??= await deriveMasterKeys(config.masterKeys);
    return derived;
  };
  const keyRing = new KeyRing(env, masterKeys);
  const acceptedKeys = async () => {
    const now = Date.now();
    return (keyRing.held(now) ?? (await keyRing.current(now))).acceptedKeys;
  };
  const db = database(env.DB);
  const { jurisdiction } = config;
  const gates = new Gates(jurisdiction ? env.CLIENT_GATE.jurisdiction(jurisdiction) : env.CLIENT_GATE);
  const webhooks = new WebhookSender(db, masterKeys);
  const ownClientIds = new OwnClientIds(acceptedKeys);
  const findImported = (ids: readonly string[]) => findClientIds(db, ids, LOOK_UP_DEADLINE_MS);
  const session = { acceptedKeys, config, db };
  const importedClientIds = new ImportedClientIds(findImported, env.CLIENT_LOOK_UPS);
  return {
    env,
    config,
    db,
    masterKeys,
    acceptedKeys,
    keyRing,
    gates,
    ownClientIds,
    importedClientIds,
    claimedClients: new ClaimedClients(ownClientIds, importedClientIds),
    refusalReports: new RefusalReports(),
    apiKeys: new ApiKeys(
      config.rootApiKey,
      acceptedKeys,
      (hashes) => findApiKey(db, hashes),
      // Best effort: recording the use must not fail the request.
      (used, now) => waitUntil(recordApiKeyUse(db, used, now, now - LAST_USED_PRECISION * 1000).catch(() => undefined)),
    ),
    sessionAdministrator: async (request, now) => {
      const { authenticateSession } = await import('./sessions/index.ts');
      try {
        return (await authenticateSession(session, request, now)).administrator;
      } catch (error) {
        if (error instanceof ProblemError) return undefined;
        throw error;
      }
    },
    authenticateSession: async (request, now) => {
      const { authenticateSession } = await import('./sessions/index.ts');
      return (await authenticateSession(session, request, now)).administrator;
    },
    signIns: new AttemptFilter(withKeyPrefix(env.FAILED_ATTEMPTS, 'sign-in'), () => {}),
    attempts: new AttemptFilter(env.FAILED_ATTEMPTS, ({ subject, address }, now) =>
      waitUntil(
        recordThrottling(db, subject, address, now)
          .then((ids) => webhooks.sendSoon(ids))
          .catch(() => undefined),
      ),
    ),
    leakReports: new AttemptFilter(withKeyPrefix(env.FAILED_ATTEMPTS, 'leak-report'), () => {}),
    callers: new IntrospectionCallerCache(),
    authentications: new ClientAuthenticationCache(gates),
    workloads: new WorkloadDirectory((keys) => findWorkloads(db, keys, Date.now())),
    remoteKeys: new RemoteKeys(),
    dpopNonces: new DpopNonces(masterKeys),
    signedTokens: new SignedTokens(),
    revocationFeeds: new RevocationFeeds(db),
    signedPages: new SignedPages(),
    probes: new StoreProbes(),
    webhooks,
  };
}

// The caller of the token endpoint chooses the client_id that its failures are counted under. The prefix keeps it from choosing another
// filter's count.
function withKeyPrefix(binding: RateLimit, name: string): RateLimit {
  return { limit: ({ key }) => binding.limit({ key: `${name} ${key}` }) };
}
