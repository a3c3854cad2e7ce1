import type { Administrator } from '../credentials/administrator.ts';
import type { ApiKeys } from '../credentials/api-key.ts';
import type { OwnClientIds } from '../credentials/client-id.ts';
import type { AcceptedKeys, MasterKeys } from '../credentials/master-key.ts';
import type { AttemptFilter } from '../gates/attempt-filter.ts';
import type { Gates } from '../gates/gates.ts';
import type { ImportedClientIds } from '../gates/imported-client-ids.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Config } from '../platform/config.ts';
import type { Env } from '../platform/env.ts';
import type { RemoteKeys } from '../remote-keys/remote-keys.ts';
import type { Database } from '../store/database.ts';
import type { SignedTokens } from '../tokens/signed-tokens.ts';
import type { WebhookSender } from '../webhooks/sender.ts';
import type { ClientAuthenticationCache } from './client-authentication/authentication-cache.ts';
import type { WorkloadDirectory } from './client-authentication/workload-directory.ts';
import type { IntrospectionCallerCache } from './introspection/caller-cache.ts';
import type { ClaimedClients } from './refusals/claimed-client.ts';
import type { RefusalReports } from './refusals/refusal-reports.ts';
import type { RevocationFeeds } from './revocation-feed/feeds.ts';
import type { SignedPages } from './revocation-feed/signed-pages.ts';
import type { DpopNonces } from './sender-constraint/dpop-nonce.ts';
import type { StoreProbes } from './store-probes.ts';

/**
 * What the authentication of a client may touch. It asks D1 only about client ids and workloads that may be invented; the gate does the
 * rest.
 */
export interface AuthenticationServices {
  readonly config: Config;
  /** The master keys whose hashes and tags are accepted. */
  readonly acceptedKeys: () => Promise<AcceptedKeys>;
  readonly gates: Gates;
  readonly ownClientIds: OwnClientIds;
  readonly importedClientIds: ImportedClientIds;
  readonly attempts: AttemptFilter;
  readonly callers: IntrospectionCallerCache;
  readonly authentications: ClientAuthenticationCache;
  /** Reads D1 for workloads that the isolate does not know. */
  readonly workloads: WorkloadDirectory;
  readonly remoteKeys: RemoteKeys;
}

/** What the note of a refusal may touch. */
export interface RefusalServices {
  readonly gates: Gates;
  readonly claimedClients: ClaimedClients;
  readonly refusalReports: RefusalReports;
}

/** What a token request may touch: besides, the keys that sign tokens and the nonces of DPoP proofs. */
export interface TokenServices extends AuthenticationServices, RefusalServices {
  readonly keyRing: KeyRing;
  readonly dpopNonces: DpopNonces;
}

/** What the OAuth endpoints may touch. */
export interface OAuthServices extends TokenServices {
  readonly env: Pick<Env, 'KV'>;
  readonly db: Database;
  /** The configured master keys. The first one makes new hashes, tags and sealed values. */
  readonly masterKeys: () => Promise<MasterKeys>;
  readonly apiKeys: ApiKeys;
  /** Returns the administrator of a console session; undefined if the cookie is not accepted. @throws StoreUnavailableError */
  readonly sessionAdministrator: (request: Request, now: number) => Promise<Administrator | undefined>;
  readonly signedTokens: SignedTokens;
  readonly revocationFeeds: RevocationFeeds;
  readonly signedPages: SignedPages;
  readonly probes: StoreProbes;
  /** Sends the events that writes owe to webhooks. */
  readonly webhooks: WebhookSender;
}
