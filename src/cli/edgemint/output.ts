import { getBorderCharacters, table as renderTable } from 'table';
import { COLUMN_GAP } from '../constants.ts';
import { line } from './printable.ts';

/** The columns of a table for people: their headings, and the value of each for an item. */
export type Columns<Item> = Readonly<Record<string, (item: Item) => unknown>>;

/** Formats a table without lines, which people and `awk` can read. */
export function table(head: readonly string[] | undefined, rows: readonly (readonly string[])[]): string {
  const cells = [...(head ? [head] : []), ...rows].map((row) => row.map(line));
  if (cells.length === 0) return '';
  const text = renderTable(cells, {
    border: getBorderCharacters('void'),
    columnDefault: { paddingLeft: 0, paddingRight: COLUMN_GAP },
    drawHorizontalLine: () => false,
  });
  return text.replace(/ +$/gm, '');
}

/** Formats a list with one row for each item. */
export function listing<Item>(columns: Columns<Item>, items: readonly Item[]): string {
  const names = Object.keys(columns);
  return table(
    names,
    items.map((item) => Object.entries(columns).map(([name, value]) => cell(name, value(item)))),
  );
}

/** Formats one representation with a row for each field, or several for a list of objects. */
export function record(representation: object): string {
  const rows = Object.entries(representation).flatMap(([name, value]) => {
    const lines = fieldLines(name, value);
    return lines.map((text, index) => [index === 0 ? name : '', text]);
  });
  return table(undefined, rows);
}

function fieldLines(name: string, value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0 || typeof value[0] !== 'object') return [cell(name, value)];
  return value.map((item) => {
    if ('resource_server' in item) return `${item.resource_server}: ${item.scopes.join(' ') || '(no scope)'}`;
    if ('name' in item) return [item.name, item.description].filter(Boolean).join(': ');
    return JSON.stringify(item);
  });
}

function cell(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map((item) => cell('', item)).join(', ');
  if (typeof value === 'string') return isTime(name) ? time(value) : value;
  if (typeof value !== 'object') return String(value);
  return Object.keys(value).length === 0 ? '-' : JSON.stringify(value);
}

/** Whether a field holds a time, judged by its name, such as `created_at` or `signs_from`. */
function isTime(name: string): boolean {
  return /(^|_)(at|hour|start|from)$/.test(name);
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
