import { StaleWriteError } from '../../store/write.ts';
import { STALE_ATTEMPTS } from '../constants.ts';
import type { ManagementContext } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';

/**
 * Returns the strong entity tag of a resource that the write of a version changed last ([RFC 9110 section
 * 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).
 */
export function etag(version: number): string {
  return `"${version}"`;
}

/**
 * Checks the request's `If-Match`, if it has one ([RFC 9110 section 13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)). The
 * weak form of a tag matches too: a proxy that compresses an answer makes its tag weak, and a version still means the same representation.
 * @param version the resource's current version
 * @throws ProblemError `stale` if it does not match
 */
export function requireMatch(context: ManagementContext, version: number): void {
  const ifMatch = context.req.header('If-Match');
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  if (ifMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag(version))) return;
  const detail = 'If-Match does not match the current version in ETag. Read the resource again before you change it.';
  throw new ProblemError('stale', { detail, headers: { ETag: etag(version) } });
}

/**
 * Runs an attempt to read, decide and write, and retries it from the start if a concurrent write made it stale. Each attempt checks
 * `If-Match` again.
 * @throws ProblemError `conflict` after `STALE_ATTEMPTS` attempts; every other error of the attempt
 */
export async function retryOnStaleWrite<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 0; attempts < STALE_ATTEMPTS; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StaleWriteError)) throw error;
    }
  }
  throw new ProblemError('conflict', { detail: 'The resource keeps changing; retry.' });
}
