import { StaleWriteError } from '../../store/write.ts';
import { STALE_ATTEMPTS } from '../constants.ts';
import type { ManagementContext } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';

/** The strong entity tag of what was written last by the write of a version ([RFC 9110 section 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)). */
export function etag(version: number): string {
  return `"${version}"`;
}

/**
 * Holds a request to its `If-Match` ([RFC 9110 section 13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).
 * @throws ProblemError `stale`
 */
export function requireMatch(context: ManagementContext, version: number): void {
  const wanted = context.req.header('If-Match');
  if (wanted === undefined || wanted.trim() === '*') return;
  if (wanted.split(',').some((tag) => tag.trim() === etag(version))) return;
  const detail = 'If-Match names another version: read it again, and decide anew.';
  throw new ProblemError('stale', { detail, headers: { ETag: etag(version) } });
}

/**
 * Reads, decides and writes, from the beginning again where somebody else wrote in between: an `If-Match` is then looked at anew.
 * @throws ProblemError `conflict` where that happens again and again; what the attempt throws
 */
export async function retryOnStaleWrite<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tried = 0; tried < STALE_ATTEMPTS; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StaleWriteError)) throw error;
    }
  }
  throw new ProblemError('conflict', { detail: 'Others change this without pause: try again.' });
}
