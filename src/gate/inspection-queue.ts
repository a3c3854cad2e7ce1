import { waitUntil } from 'cloudflare:workers';
import { STORE_DEADLINE_MS } from '../constants.ts';
import { withDeadline } from '../store/errors.ts';

/** A token, by what its gate must know of it to tell whether it stands. */
export interface InspectedToken {
  readonly jti: string;
  /** Its `iat`, seconds since the epoch. */
  readonly issuedAt: number;
}

type Inspect = (clientId: string, tokens: readonly InspectedToken[]) => Promise<readonly boolean[]>;

interface Batch {
  /** By jti. */
  readonly tokens: Map<string, InspectedToken>;
  answer?: Promise<ReadonlyMap<string, boolean>>;
}

interface Line {
  running: Promise<unknown> | undefined;
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

  async ask(clientId: string, token: InspectedToken): Promise<boolean> {
    const line = this.#lines.get(clientId) ?? { running: undefined, next: undefined };
    this.#lines.set(clientId, line);
    line.next ??= { tokens: new Map() };
    const batch = line.next;
    batch.tokens.set(token.jti, token);

    // One deadline for the call before and its own together.
    const until = Date.now() + STORE_DEADLINE_MS;
    while (!batch.answer) {
      if (line.running) await this.#wait(clientId, line, line.running);
      else this.#begin(clientId, line, batch);
    }
    return (await withDeadline('gate', batch.answer, until - Date.now())).get(token.jti) ?? false;
  }

  // A call whose own request was killed never settles. Nobody may be stuck behind it, now or later.
  async #wait(clientId: string, line: Line, running: Promise<unknown>): Promise<void> {
    try {
      await withDeadline('gate', running);
    } catch (error) {
      if (this.#lines.get(clientId) === line) this.#lines.delete(clientId);
      throw error;
    }
  }

  // Begun by one of those who wait, in its own request: a call cannot be made on behalf of another.
  #begin(clientId: string, line: Line, batch: Batch): void {
    line.next = undefined;
    const tokens = [...batch.tokens.values()];
    batch.answer = this.#inspect(clientId, tokens).then(
      (standing) => new Map(tokens.map(({ jti }, index) => [jti, standing[index] ?? false])),
    );
    const settled = batch.answer
      .catch(() => undefined)
      .then(() => {
        line.running = undefined;
        if (!line.next && this.#lines.get(clientId) === line) this.#lines.delete(clientId);
      });
    line.running = settled;
    // Others wait for this call, so it must go on when the request that began it is gone.
    waitUntil(settled);
  }
}
