import { getBorderCharacters, table as renderTable } from 'table';
import { COLUMN_GAP } from '../constants.ts';
import { duration } from './durations.ts';
import { fitColumns, truncate } from './fit.ts';
import { line } from './printable.ts';
import { PLAIN, paintStatus, type Style } from './style.ts';

/** The columns of a table for people: their headings, and the value of each for an item. */
export type Columns<Item> = Readonly<Record<string, (item: Item) => unknown>>;

/** The terminal that shows a text. */
export interface Screen {
  readonly style: Style;
  /** undefined if the text goes to a file or another program, which gets every column and full times. */
  readonly width: number | undefined;
}

const NO_SCREEN: Screen = { style: PLAIN, width: undefined };

/** Formats a table without lines, which people and `awk` can read. */
export function table(head: readonly string[] | undefined, rows: readonly (readonly string[])[]): string {
  return render([...(head ? [head] : []), ...rows].map((row) => row.map(line)));
}

function render(cells: string[][]): string {
  if (cells.length === 0) return '';
  const text = renderTable(cells, {
    border: getBorderCharacters('void'),
    columnDefault: { paddingLeft: 0, paddingRight: COLUMN_GAP },
    drawHorizontalLine: () => false,
  });
  return text.replace(/ +$/gm, '');
}

/** Formats a list with one row for each item. On a terminal it fits the width, and times are relative. */
export function listing<Item>(columns: Columns<Item>, items: readonly Item[], screen = NO_SCREEN): string {
  const names = Object.keys(columns);
  const show = screen.width === undefined ? cell : shortCell;
  const rows = items.map((item) => Object.entries(columns).map(([name, value]) => line(show(name, value(item)))));
  const { shown, widths } =
    screen.width === undefined
      ? { shown: names.map((_, index) => index), widths: [] }
      : fitColumns(names, rows, screen.width);
  const cut = (row: readonly string[], paint: (text: string, name: string) => string) =>
    shown.map((index) =>
      paint(truncate(row[index] ?? '', widths[index] ?? Number.POSITIVE_INFINITY), names[index] ?? ''),
    );
  const { style } = screen;
  return render([
    cut(names, (text) => style.bold(text)),
    ...rows.map((row) => cut(row, (text, name) => (name === 'status' ? paintStatus(text, style) : text))),
  ]);
}

/** Formats one representation with a row for each field, or several for a list of objects. */
export function record(representation: object, { style }: Screen = NO_SCREEN, labelWidth = 0): string {
  const rows = Object.entries(representation).flatMap(([name, value]) => {
    const lines = fieldLines(name, value).map(line);
    return lines.map((text, index) => [
      style.dim((index === 0 ? line(name) : '').padEnd(labelWidth)),
      name === 'status' ? paintStatus(text, style) : text,
    ]);
  });
  return render(rows);
}

function fieldLines(name: string, value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0 || typeof value[0] !== 'object') return [cell(name, value)];
  return value.map((item) => {
    if ('resource_server' in item) return `${item.resource_server}: ${item.scopes.join(' ') || '(no scope)'}`;
    if ('name' in item) return [item.name, item.description].filter(Boolean).join(': ');
    return JSON.stringify(item);
  });
}

/** Whether a field says nothing: it is unset, or an empty text, list or object. */
export function isEmpty(value: unknown): boolean {
  return cell('', value) === '-';
}

function cell(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map((item) => cell('', item)).join(', ');
  if (typeof value === 'string') return isTime(name) ? time(value) : value;
  if (typeof value === 'number' && isDuration(name)) return duration(value);
  if (typeof value !== 'object') return String(value);
  return Object.keys(value).length === 0 ? '-' : JSON.stringify(value);
}

function shortCell(name: string, value: unknown): string {
  return typeof value === 'string' && isTime(name) ? relativeTime(value, Date.now()) : cell(name, value);
}

/** Whether a field holds a time, judged by its name, such as `created_at` or `signs_from`. */
function isTime(name: string): boolean {
  return /(^|_)(at|hour|start|from)$/.test(name);
}

/** Whether a field counts seconds, judged by its name. */
function isDuration(name: string): boolean {
  return /(^|_)(ttl|lifetime_max)$/.test(name);
}

/** Formats an RFC 3339 time for people, to the second. */
export function time(text: string): string {
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds)) return text;
  return new Date(milliseconds)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}

const AGES = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/**
 * Formats a time by its distance, such as `3d ago`.
 * @param now milliseconds since the epoch
 */
export function relativeTime(text: string, now: number): string {
  const difference = Date.parse(text) - now;
  if (Number.isNaN(difference)) return text;
  const distance = Math.abs(difference);
  const [unit, size] = AGES.find(([, size]) => distance >= size) ?? ['s', 1000];
  const amount = `${Math.floor(distance / size)}${unit}`;
  return difference > 0 ? `in ${amount}` : `${amount} ago`;
}
