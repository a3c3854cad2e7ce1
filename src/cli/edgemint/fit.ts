import { COLUMN_GAP, COLUMN_WIDTH_MIN } from '../constants.ts';

/** Columns that tell most in a list, so they are the last ones to be left out. */
const ESSENTIAL = new Set(['status', 'last_used_at', 'expires_at']);

export interface Fitted {
  /** The indexes of the columns to show. */
  readonly shown: readonly number[];
  /** Their widths. */
  readonly widths: readonly number[];
}

/**
 * Chooses the columns of a table, and their widths, so that it fits a terminal. It leaves out empty columns, shortens wide ones, and then
 * leaves out the least important ones. The first column, which identifies the row, stays whole.
 * @param rows the cells of each row, `-` if empty
 */
export function fitColumns(names: readonly string[], rows: readonly (readonly string[])[], width: number): Fitted {
  const natural = names.map((name, index) =>
    Math.max(displayWidth(name), ...rows.map((row) => displayWidth(row[index] ?? ''))),
  );
  let shown = names.map((_, index) => index);
  const total = (widths: readonly number[]) =>
    shown.reduce((sum, index) => sum + (widths[index] ?? 0), (shown.length - 1) * COLUMN_GAP);
  if (total(natural) > width) {
    shown = shown.filter((index) => index < 2 || rows.some((row) => row[index] !== '-'));
  }
  const least = natural.map((size, index) => (index === 0 ? size : Math.min(size, COLUMN_WIDTH_MIN)));
  while (total(least) > width && shown.length > 2) {
    const last = shown.findLast((index) => index > 1 && !ESSENTIAL.has(names[index] ?? '')) ?? shown.at(-1);
    shown = shown.filter((index) => index !== last);
  }
  if (shown.length === 2) least[1] = Math.min(least[1] ?? 0, Math.max(width - (least[0] ?? 0) - COLUMN_GAP, 2));
  return { shown, widths: shrink(natural, least, shown, total(natural) - width) };
}

/** Takes the excess from the widest columns first. */
function shrink(
  natural: readonly number[],
  least: readonly number[],
  shown: readonly number[],
  excess: number,
): readonly number[] {
  const widths = [...natural];
  for (let left = excess; left > 0; left--) {
    const shrinkable = shown.filter((index) => (widths[index] ?? 0) > (least[index] ?? 0));
    const widest = shrinkable.toSorted((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

// Scripts and symbols whose characters take two columns.
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Extended_Pictographic}\p{Regional_Indicator}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const INVISIBLE = /^[\p{M}\u200c\u200d]+$/u;
const SEGMENTER = new Intl.Segmenter('en');

/** Returns the characters of a text as people see them: an emoji of several code points is one. */
function charactersOf(text: string): string[] {
  return Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}

/** Returns how many columns of a terminal a text takes, nearly. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return charactersOf(text).reduce((sum, character) => sum + widthOf(character), 0);
}

function widthOf(character: string): number {
  if (INVISIBLE.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Cuts a text to a width, with `…` at its end. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let taken = 0;
  for (const character of charactersOf(text)) {
    taken += widthOf(character);
    if (taken > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
