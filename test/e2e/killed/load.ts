import { type Client, note, type Write } from './model.ts';
import { requireAnswer } from './service.ts';
import { nextWrite, type World } from './writes.ts';

/** So many writes are under way at once, each about another client. */
const AT_ONCE = 32;

/** Writes without pause, until it is stopped or has made as many as it was to. */
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

  /** Ends when it is stopped, and all that was under way was answered or lost. @throws on any answer that is not as it must be */
  async run(): Promise<void> {
    this.#isStopped = false;
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#writeOn()));
  }

  /** How many writes were answered 503: on a machine that stalls, a call of a store may exceed its deadline. */
  get unavailable(): number {
    return this.#unavailable;
  }

  /** When so many writes were sent, in all runs together. */
  reached(sent: number): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(sent, resolve));
  }

  /** To be called when the server dies: from then on answers may be missing. @returns the writes that are under way */
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
    // Neither says whether the write was made. Its client is left alone until that is known.
    if (isUnavailable || (!answer && this.#isStopped)) {
      write.client.doubt = write;
      return;
    }
    const body = requireAnswer(answer, write.status, `${write.action} of ${write.client.name}`);
    note(write, { body });
    write.client.isBusy = false;
  }
}
