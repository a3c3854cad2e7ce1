/** The gate's only alarm. Remembers its time, so that an alarm which is set early enough costs no storage call. */
export class Alarm {
  readonly #storage: DurableObjectStorage;
  #at: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Reads the alarm's time from storage. Must be awaited before any other method is called. */
  async load(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  /** Notes that the alarm went off, so that none is set. */
  markFired(): void {
    this.#at = null;
  }

  /** Sets the alarm to a deadline, in milliseconds since the epoch, unless it goes off earlier. Without a deadline it does nothing. */
  setBy(deadline: number | undefined): Promise<void> | undefined {
    if (deadline === undefined || (this.#at !== null && this.#at <= deadline)) return undefined;
    this.#at = deadline;
    return this.#storage.setAlarm(deadline);
  }
}
