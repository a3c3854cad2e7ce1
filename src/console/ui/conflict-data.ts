import type { Params } from '../api/types.ts';

/** A change that was refused because the resource has changed meanwhile. */
export interface Conflict {
  readonly path: string;
  readonly params: Params;
  /** The fields as they were sent. undefined for a deletion. */
  readonly yours: unknown;
  readonly reload: () => Promise<void>;
  /** Sends the change again, based on the current version. */
  readonly overwrite: (etag: string | undefined) => Promise<void>;
}
