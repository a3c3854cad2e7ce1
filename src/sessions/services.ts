import type { AttemptFilter } from '../gates/attempt-filter.ts';
import type { ManagementServices } from '../management/services.ts';
import type { Env } from '../platform/env.ts';
import type { RemoteKeys } from '../remote-keys/remote-keys.ts';

/** What the console's sessions and pages may touch. */
export interface SessionServices
  extends Pick<ManagementServices, 'acceptedKeys' | 'apiKeys' | 'config' | 'db' | 'masterKeys' | 'webhooks'> {
  readonly remoteKeys: RemoteKeys;
  readonly env: Pick<Env, 'ASSETS'>;
  /** Holds back addresses that fail to sign in too often. */
  readonly signIns: AttemptFilter;
}
