import type { FeedServer } from '../../store/live-revocations.ts';
import { pollUntil, SharedWork } from '../../store/waiting.ts';
import { FEED_LOOK_UPS_PER_QUERY, FEED_QUERY_WAIT_MS } from '../constants.ts';
import { type QueryLimit, tooManyQueries } from './query-limit.ts';

type Found = ReadonlyMap<string, FeedServer>;

/** The next query, and the one under way once it has begun. */
interface Query {
  readonly audiences: Set<string>;
  work: SharedWork<Found> | undefined;
}

/**
 * Looks up audiences that the isolate does not know. Anybody can invent them, so one query asks for all that are wanted by the time at
 * which the limit permits it: invented audiences delay a real one, and do not keep it from being found.
 */
export class AudienceLookUps {
  readonly #find: (audiences: readonly string[]) => Promise<Found>;
  readonly #limit: QueryLimit;
  #next: Query | undefined;

  /** @param find asks D1 for the resource servers of audiences, in any spelling */
  constructor(find: (audiences: readonly string[]) => Promise<Found>, limit: QueryLimit) {
    this.#find = find;
    this.#limit = limit;
  }

  /** Returns the resource server of an audience. @throws StoreUnavailableError; OAuthError `slow_down` if too many are wanted */
  async find(audience: string): Promise<FeedServer | undefined> {
    // All requests that wait for a full query may have been killed, so any other request begins it as well.
    if (this.#next && isFull(this.#next) && this.#limit.isFree()) this.#begin(this.#next);
    if (this.#next && isFull(this.#next)) throw tooManyQueries();
    this.#next ??= { audiences: new Set(), work: undefined };
    const query = this.#next;
    query.audiences.add(audience);
    await pollUntil(() => query.work !== undefined || this.#limit.isFree(), FEED_QUERY_WAIT_MS);
    // The first request that finds the limit free begins the query, for all that wait for it.
    if (!query.work && this.#limit.isFree()) this.#begin(query);
    if (!query.work) throw tooManyQueries();
    return (await query.work.result()).get(audience);
  }

  #begin(query: Query): void {
    this.#next = undefined;
    this.#limit.take();
    query.work = new SharedWork('d1', FEED_QUERY_WAIT_MS, this.#find([...query.audiences]));
  }
}

function isFull({ audiences }: Query): boolean {
  return audiences.size >= FEED_LOOK_UPS_PER_QUERY;
}
