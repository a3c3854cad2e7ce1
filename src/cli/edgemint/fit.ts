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
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Extended_Pictographic}\uff01-\uff60]/u;

/** Returns how many columns of a terminal a text takes, nearly. */
export function displayWidth(text: string): number {
  return [...text].reduce((sum, character) => sum + (/\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1), 0);
}

/** Cuts a text to a width, with `…` at its end. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept) + displayWidth(character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
