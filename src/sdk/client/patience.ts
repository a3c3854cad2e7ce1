/** A deadline together with the signal of a caller. */
export class Patience {
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #caller: AbortSignal | undefined;
  readonly #leave = () => this.#controller.abort(this.#caller?.reason);
  #isOver = false;

  constructor(ms: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#controller.abort(new Error('the deadline has passed'));
    }, ms);
    caller?.addEventListener('abort', this.#leave, { once: true });
  }

  /** Is aborted at the deadline, and with the caller's signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the deadline has passed before the caller gave up. */
  get isOver(): boolean {
    return this.#isOver && this.#caller?.aborted !== true;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#leave);
  }
}
