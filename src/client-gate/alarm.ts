/** A gate's one alarm. Its time is remembered, so that nothing is asked or written where it comes early enough. */
export class Alarm {
  readonly #storage: DurableObjectStorage;
  #at: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Learns what is set. To be waited for before anything else. */
  async recall(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  /** Notes that it has gone off, so that none is set any more. */
  wentOff(): void {
    this.#at = null;
  }

  /** Sees to it that it goes off by a time, in milliseconds since the epoch, where there is one. */
  async setBy(deadline: number | undefined): Promise<void> {
    if (deadline === undefined || (this.#at !== null && this.#at <= deadline)) return;
    this.#at = deadline;
    await this.#storage.setAlarm(deadline);
  }
}
