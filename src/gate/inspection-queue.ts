import { waitUntil } from 'cloudflare:workers';
import { withDeadline } from '../store/errors.ts';

type Inspect = (clientId: string, jtis: readonly string[]) => Promise<readonly boolean[]>;

interface Batch {
  readonly jtis: Set<string>;
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

  async ask(clientId: string, jti: string): Promise<boolean> {
    const line = this.#lines.get(clientId) ?? { running: undefined, next: undefined };
    this.#lines.set(clientId, line);
    line.next ??= { jtis: new Set() };
    const batch = line.next;
    batch.jtis.add(jti);

    while (!batch.answer) {
      if (line.running) await this.#wait(clientId, line, line.running);
      else this.#begin(clientId, line, batch);
    }
    return (await withDeadline('gate', batch.answer)).get(jti) ?? false;
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
    const jtis = [...batch.jtis];
    batch.answer = this.#inspect(clientId, jtis).then(
      (standing) => new Map(jtis.map((jti, index) => [jti, standing[index] ?? false])),
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
