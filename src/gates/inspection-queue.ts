import { waitUntil } from 'cloudflare:workers';
import { STORE_DEADLINE_MS } from '../constants.ts';
import { StoreUnavailableError, withDeadline } from '../store/errors.ts';
import { pollUntil } from '../store/waiting.ts';
import { INTROSPECTED_SCOPES_LENGTH_MAX } from './constants.ts';

/** The members of a token that its gate needs to decide whether it is active. */
export interface InspectedToken {
  readonly jti: string;
  /** The token's `iat`, seconds since the epoch. */
  readonly issuedAt: number;
  /** The identifier of the token's resource server. */
  readonly audience: string;
  /** The scopes that its introspection names, separated by spaces. Absent: none. */
  readonly scopes?: string;
}

/** What its gate says about a token. */
export interface Standing {
  readonly isActive: boolean;
  /** Whether the client is still granted something at the token's audience. undefined if the gate is older and does not say. */
  readonly isGranted: boolean | undefined;
}

const INACTIVE: Standing = { isActive: false, isGranted: false };

type Inspect = (clientId: string, tokens: readonly InspectedToken[]) => Promise<readonly Standing[]>;

type Outcome = { readonly standings: ReadonlyMap<string, Standing> } | { readonly error: unknown };

/** The tokens of one call. */
interface Batch {
  /** By `jti`. */
  readonly tokens: Map<string, InspectedToken>;
  outcome?: Outcome;
}

/** The calls about one client. */
interface Line {
  /** When the next call may begin, milliseconds by `performance.now()`. */
  freeAt: number;
  /** The batch that the next call sends. */
  next: Batch | undefined;
}

/**
 * Lets concurrent checks about one client share calls to its gate. At most one call is under way in an isolate; checks that arrive
 * meanwhile join the next one. No check joins a call that has begun, so each answer is newer than its question.
 */
export class InspectionQueue {
  readonly #inspect: Inspect;
  readonly #lines = new Map<string, Line>();

  constructor(inspect: Inspect) {
    this.#inspect = inspect;
  }

  /**
   * Returns whether a token is active, and granted.
   * @throws errors of the call; StoreUnavailableError if the previous call and its own together exceed the deadline
   */
  async ask(clientId: string, token: InspectedToken): Promise<Standing> {
    const line = this.#lines.get(clientId) ?? { freeAt: Number.NEGATIVE_INFINITY, next: undefined };
    this.#lines.set(clientId, line);
    line.next ??= { tokens: new Map() };
    const batch = line.next;
    batch.tokens.set(token.jti, withNamesOf(batch.tokens.get(token.jti), token));

    const until = performance.now() + STORE_DEADLINE_MS;
    const isFree = () => performance.now() >= line.freeAt;
    try {
      while (!batch.outcome) {
        const left = until - performance.now();
        if (left <= 0) throw new StoreUnavailableError('gate', 'deadline');
        // One of the waiting requests makes the call, because the runtime binds a call to the request that makes it.
        if (isFree()) await withDeadline('gate', this.#call(clientId, line, batch), left);
        else await pollUntil(() => batch.outcome !== undefined || isFree(), left);
      }
    } catch (error) {
      // The gate does not answer. Later checks do not wait for the call that this one has given up.
      if (this.#lines.get(clientId) === line) this.#lines.delete(clientId);
      throw error;
    }
    if ('error' in batch.outcome) throw batch.outcome.error;
    return batch.outcome.standings.get(token.jti) ?? INACTIVE;
  }

  #call(clientId: string, line: Line, batch: Batch): Promise<void> {
    if (line.next === batch) line.next = undefined;
    // The call of a request that was killed never ends. It counts as lost at its deadline.
    const lostAt = performance.now() + STORE_DEADLINE_MS;
    line.freeAt = lostAt;
    const tokens = [...batch.tokens.values()];
    const called = this.#inspect(clientId, tokens)
      .then(
        (answers): Outcome => ({
          standings: new Map(tokens.map(({ jti }, index) => [jti, answers[index] ?? INACTIVE])),
        }),
        (error): Outcome => ({ error }),
      )
      .then((outcome) => {
        batch.outcome = outcome;
        if (line.freeAt !== lostAt) return;
        line.freeAt = Number.NEGATIVE_INFINITY;
        if (!line.next && this.#lines.get(clientId) === line) this.#lines.delete(clientId);
      });
    // Other requests wait for this call, so it must go on after the request that made it has ended.
    waitUntil(called);
    return called;
  }
}

/** Returns a token with the scopes that the other introspections of it in the same call name, unless that are too many. */
function withNamesOf(other: InspectedToken | undefined, token: InspectedToken): InspectedToken {
  if (!other?.scopes || other.scopes === token.scopes) return token;
  if (!token.scopes) return other;
  const scopes = `${other.scopes} ${token.scopes}`;
  return scopes.length > INTROSPECTED_SCOPES_LENGTH_MAX ? other : { ...token, scopes };
}
