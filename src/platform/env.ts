import type { Variables } from './config.ts';

/** What wrangler.toml binds, as the runtime hands it over. */
export interface Env extends Variables {
  DB: D1Database;
  KV: KVNamespace;
  /** Namespace of `ClientGate`. Untyped, because its methods are those of `GateMethods`: see `gates.ts`. */
  CLIENT_GATE: DurableObjectNamespace;
  FAILED_ATTEMPTS: RateLimit;
  /** The files of the page at `/docs`. */
  ASSETS: Fetcher;
}
