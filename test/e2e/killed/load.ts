import { type Client, note, type Write } from './model.ts';
import { requireAnswer } from './service.ts';
import { nextWrite, type World } from './writes.ts';

/** The number of writes in flight at once, each about another client. */
export const AT_ONCE = 32;

/** Sends writes without pause, until it is stopped or has sent `total` of them. */
export class Load {
  readonly #world: World;
  readonly #clients: Client[];
  readonly #total: number;
  readonly #underWay = new Set<Write>();
  readonly #awaited = new Map<number, () => void>();
  #sent = 0;
  #unavailable = 0;
  #isStopped = false;

  constructor(world: World, clients: Client[], total: number) {
    this.#world = world;
    this.#clients = clients;
    this.#total = total;
  }

  /** Runs until the load is stopped or complete, and every write in flight is answered or lost. @throws on any unexpected answer */
  async run(): Promise<void> {
    this.#isStopped = false;
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#writeOn()));
  }

  /** The number of writes that were answered 503. On a machine that stalls, a call to a store may exceed its deadline. */
  get unavailable(): number {
    return this.#unavailable;
  }

  /** Resolves when this many writes were sent, in all runs together. */
  reached(sent: number): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(sent, resolve));
  }

  /** Stops the load. Call it when the server is killed: from then on answers may be missing. @returns the writes in flight */
  stop(): Write[] {
    this.#isStopped = true;
    return [...this.#underWay];
  }

  async #writeOn(): Promise<void> {
    const isOver = () => this.#isStopped || this.#sent >= this.#total;
    for (;;) {
      const write = await nextWrite(this.#world, this.#clients, isOver);
      if (!write) return;
      await this.#perform(write);
    }
  }

  async #perform(write: Write): Promise<void> {
    this.#sent++;
    this.#underWay.add(write);
    this.#awaited.get(this.#sent)?.();
    const answer = await write.send();
    this.#underWay.delete(write);
    const isUnavailable = answer?.status === 503;
    if (isUnavailable) this.#unavailable++;
    // Neither outcome says whether the write was made. Leave its client alone until that is known.
    if (isUnavailable || (!answer && this.#isStopped)) {
      write.client.doubt = write;
      return;
    }
    const body = requireAnswer(answer, write.status, `${write.action} of ${write.client.name}`);
    note(write, { body });
    write.client.isBusy = false;
  }
}
