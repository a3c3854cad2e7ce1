import type { Administrator } from '../credentials/administrator.ts';
import type { ApiKeys } from '../credentials/api-key.ts';
import type { AcceptedKeys, MasterKeys } from '../credentials/master-key.ts';
import type { AttemptFilter } from '../gates/attempt-filter.ts';
import type { Gates } from '../gates/gates.ts';
import type { ImportedClientIds } from '../gates/imported-client-ids.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Config } from '../platform/config.ts';
import type { Env } from '../platform/env.ts';
import type { Database } from '../store/database.ts';
import type { SignedTokens } from '../tokens/signed-tokens.ts';
import type { WebhookSender } from '../webhooks/sender.ts';

/** What the management API may touch. */
export interface ManagementServices {
  readonly env: Pick<Env, 'KV'>;
  readonly config: Config;
  readonly db: Database;
  /** The configured master keys. The first one makes new hashes, tags and sealed values. */
  readonly masterKeys: () => Promise<MasterKeys>;
  /** The master keys whose hashes and tags are accepted. */
  readonly acceptedKeys: () => Promise<AcceptedKeys>;
  readonly keyRing: KeyRing;
  readonly gates: Gates;
  /** Told of each client that is imported, so that this isolate serves it at once. */
  readonly importedClientIds: ImportedClientIds;
  readonly apiKeys: ApiKeys;
  /** Authenticates the cookie of a console session. Its code is loaded with the first such request. */
  readonly authenticateSession: (request: Request, now: number) => Promise<Administrator>;
  readonly signedTokens: SignedTokens;
  /** Holds back callers that report leaked secrets and are wrong too often. */
  readonly leakReports: AttemptFilter;
  /** Sends the events that writes owe to webhooks. */
  readonly webhooks: WebhookSender;
}
