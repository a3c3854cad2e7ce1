import type { Environment, Output } from './io.ts';

/** Colours for a terminal. Each method returns the text as it is if there are none. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

const ansi = (start: number, end: number) => (text: string) => `\u001b[${start}m${text}\u001b[${end}m`;

const COLOURS: Style = {
  bold: ansi(1, 22),
  dim: ansi(2, 22),
  red: ansi(31, 39),
  green: ansi(32, 39),
  yellow: ansi(33, 39),
};

const plain = (text: string) => text;

/** No colours. */
export const PLAIN: Style = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain };

/** Returns the colours for an output: none if it is not a terminal, or if [`NO_COLOR`](https://no-color.org/) is set, unless `FORCE_COLOR` is. */
export function styleOf(output: Output, env: Environment): Style {
  return hasColours(output, env) ? COLOURS : PLAIN;
}

/** Whether an output shows colours. */
export function hasColours({ isTTY }: Output, { FORCE_COLOR, NO_COLOR, TERM }: Environment): boolean {
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  if (NO_COLOR) return false;
  return (isTTY ?? false) && TERM !== 'dumb';
}

const GOOD = new Set(['active', 'delivered', 'ok', 'primary', 'current']);
const BAD = new Set(['disabled', 'failed', 'expired', 'unavailable']);

/** Colours a status by its meaning. */
export function paintStatus(text: string, { green, red, yellow }: Style): string {
  const [word = ''] = text.split(' ', 1);
  if (GOOD.has(word)) return green(text);
  return BAD.has(word) ? red(text) : text === 'pending' || word === 'retired' ? yellow(text) : text;
}
