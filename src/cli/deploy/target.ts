import type { Jurisdiction } from '../../platform/config.ts';
import type { Configuration } from './configuration.ts';

/** The deployment that this run is about. */
export interface Target {
  readonly configuration: Configuration;
  /** The option that makes wrangler read that configuration. */
  readonly config: readonly string[];
  /** The host that becomes a custom domain of the Worker, if one does. */
  readonly domain: string | undefined;
  readonly jurisdiction: Jurisdiction | undefined;
  /** The file names of the migrations, in their order. */
  readonly migrations: readonly string[];
}
