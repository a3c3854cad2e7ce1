import type { ClientGate } from '../client-gate/client-gate.ts';
import type { Variables } from './config.ts';

/** What wrangler.toml binds, as the runtime hands it over. */
export interface Env extends Variables {
  DB: D1Database;
  KV: KVNamespace;
  CLIENT_GATE: DurableObjectNamespace<ClientGate>;
  FAILED_ATTEMPTS: RateLimit;
  /** The files of the page at `/docs`. */
  ASSETS: Fetcher;
}
