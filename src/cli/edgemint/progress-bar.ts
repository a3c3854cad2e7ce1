import { BAR_WIDTH } from '../constants.ts';
import type { Output } from './io.ts';

/** Moves the cursor to the start of the line, and erases the line. */
const ERASE_LINE = '\r\u001b[2K';

/** A bar below the output of a command that takes many steps. Writes nothing if the output is not a terminal. */
export class ProgressBar {
  readonly #output: Output;
  readonly #steps: number;
  #done = 0;
  #isShown = false;

  constructor(output: Output, steps: number) {
    this.#output = output;
    this.#steps = steps;
  }

  /** Counts a step. @param print writes the lines about it, above the bar */
  step(print: () => void): void {
    this.#done++;
    this.clear();
    print();
    if (!this.#output.isTTY) return;
    this.#output.write(progressBar(this.#done, this.#steps));
    this.#isShown = true;
  }

  /** Erases the bar. */
  clear(): void {
    if (this.#isShown) this.#output.write(ERASE_LINE);
    this.#isShown = false;
  }
}

/** Returns a bar such as `[=====>    ] 87/200`. */
export function progressBar(done: number, steps: number): string {
  const filled = Math.floor((done / steps) * BAR_WIDTH);
  const bar = filled === BAR_WIDTH ? '='.repeat(BAR_WIDTH) : `${'='.repeat(filled)}>`.padEnd(BAR_WIDTH);
  return `[${bar}] ${done}/${steps}`;
}
