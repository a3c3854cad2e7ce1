import { waitUntil } from 'cloudflare:workers';
import { STORE_DEADLINE_MS } from '../constants.ts';
import { StoreUnavailableError, withDeadline } from '../store/errors.ts';
import { pollUntil } from '../store/waiting.ts';

/** A token, by what its gate must know of it to tell whether it stands. */
export interface InspectedToken {
  readonly jti: string;
  /** Its `iat`, seconds since the epoch. */
  readonly issuedAt: number;
}

type Inspect = (clientId: string, tokens: readonly InspectedToken[]) => Promise<readonly boolean[]>;

type Outcome = { readonly standing: ReadonlyMap<string, boolean> } | { readonly error: unknown };

interface Batch {
  /** By jti. */
  readonly tokens: Map<string, InspectedToken>;
  outcome?: Outcome;
}

interface Line {
  isRunning: boolean;
  next: Batch | undefined;
}

/**
 * Lets concurrent checks about one client share calls to its gate: at most one is under way per isolate, and whoever arrives
 * meanwhile joins the one after it. Nobody joins a call that has begun, so each answer is newer than its question.
 */
export class InspectionQueue {
  readonly #inspect: Inspect;
  readonly #lines = new Map<string, Line>();

  constructor(inspect: Inspect) {
    this.#inspect = inspect;
  }

  /** @throws what the call throws; StoreUnavailableError after one deadline for the call before and its own together */
  async ask(clientId: string, token: InspectedToken): Promise<boolean> {
    const line = this.#lines.get(clientId) ?? { isRunning: false, next: undefined };
    this.#lines.set(clientId, line);
    line.next ??= { tokens: new Map() };
    const batch = line.next;
    batch.tokens.set(token.jti, token);

    const until = performance.now() + STORE_DEADLINE_MS;
    const isUnderWay = () => line.isRunning || line.next !== batch;
    while (!batch.outcome) {
      const left = until - performance.now();
      if (left <= 0) throw this.#giveUp(clientId, line);
      if (isUnderWay()) await pollUntil(() => batch.outcome !== undefined || !isUnderWay(), left);
      else await withDeadline('gate', this.#call(clientId, line, batch), left);
    }
    if ('error' in batch.outcome) throw batch.outcome.error;
    return batch.outcome.standing.get(token.jti) ?? false;
  }

  // Made by one of those who wait, in its own request: a call cannot be made on behalf of another.
  async #call(clientId: string, line: Line, batch: Batch): Promise<void> {
    line.next = undefined;
    line.isRunning = true;
    const tokens = [...batch.tokens.values()];
    const called = this.#inspect(clientId, tokens)
      .then(
        (standing): Outcome => ({
          standing: new Map(tokens.map(({ jti }, index) => [jti, standing[index] ?? false])),
        }),
        (error): Outcome => ({ error }),
      )
      .then((outcome) => {
        batch.outcome = outcome;
        line.isRunning = false;
        if (!line.next && this.#lines.get(clientId) === line) this.#lines.delete(clientId);
      });
    // Others wait for this call, so it must go on when the request that made it is gone.
    waitUntil(called);
    return called;
  }

  // A call whose own request was killed never ends. Nobody may be stuck behind it, now or later.
  #giveUp(clientId: string, line: Line): StoreUnavailableError {
    if (this.#lines.get(clientId) === line) this.#lines.delete(clientId);
    return new StoreUnavailableError('gate', 'deadline');
  }
}
