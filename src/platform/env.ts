import type { Variables } from './config.ts';

/** The bindings of wrangler.toml, as the runtime passes them to the Worker. */
export interface Env extends Variables {
  DB: D1Database;
  KV: KVNamespace;
  /** Namespace of `ClientGate`. Untyped, because the edge calls it only through `GateMethods`: see `gates.ts`. */
  CLIENT_GATE: DurableObjectNamespace;
  FAILED_ATTEMPTS: RateLimit;
  /** Absent if the deployment's wrangler.toml is older. */
  CLIENT_LOOK_UPS?: RateLimit;
  /** The static files of the page at `/docs`. */
  ASSETS: Fetcher;
}
