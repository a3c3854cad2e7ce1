import { SQL_STATEMENT_BYTES_MAX, SQL_TEXT_PART_LENGTH } from '../../constants.ts';
import type { Value } from './sql-dump.ts';

/** Writes a value as SQL. */
export function literal(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  // wrangler splits a file into statements by reading it, and looks for transactions in it. A text must not be taken for either.
  if (PLAIN.test(value) && !LIKE_SQL.test(value)) return `'${value.replaceAll("'", "''")}'`;
  return `CAST(X'${Buffer.from(value).toString('hex')}' AS TEXT)`;
}

const PLAIN = /^[^\p{Cc}]*$/u;
const LIKE_SQL = /BEGIN|COMMIT|;|--|\/\*|\$/i;

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/**
 * Writes the statements that insert rows, each of at most SQL_STATEMENT_BYTES_MAX. A row that needs more is inserted with the beginnings of
 * its long texts, which further statements complete.
 */
export function* insertStatements(
  table: string,
  columns: readonly string[],
  rows: Iterable<readonly Value[]>,
): Generator<string> {
  const head = `INSERT INTO ${quoted(table)} (${columns.map(quoted).join(',')}) VALUES`;
  let [batch, bytes] = ['', 0];
  const finish = function* () {
    if (batch !== '') yield `${head}${batch};`;
    [batch, bytes] = ['', 0];
  };
  for (const row of rows) {
    const values = `(${row.map(literal).join(',')})`;
    const size = Buffer.byteLength(values) + 1;
    if (head.length + bytes + size > SQL_STATEMENT_BYTES_MAX) yield* finish();
    if (head.length + size > SQL_STATEMENT_BYTES_MAX) {
      yield* longRow(table, head, columns, row);
      continue;
    }
    batch += batch === '' ? values : `,${values}`;
    bytes += size;
  }
  yield* finish();
}

function* longRow(table: string, head: string, columns: readonly string[], row: readonly Value[]): Generator<string> {
  const parts = row.map((value) => (typeof value === 'string' ? partsOf(value) : [value]));
  yield `${head}(${parts.map(([first = null]) => literal(first)).join(',')});`;
  for (const [index, [, ...others]] of parts.entries()) {
    const column = quoted(columns[index] ?? '');
    for (const part of others) {
      yield `UPDATE ${quoted(table)} SET ${column} = ${column} || ${literal(part)} WHERE rowid = last_insert_rowid();`;
    }
  }
}

// Between code points, so that each part is a text.
function partsOf(text: string): string[] {
  if (text.length <= SQL_TEXT_PART_LENGTH) return [text];
  const parts: string[] = [];
  for (let begin = 0; begin < text.length; ) {
    let end = Math.min(begin + SQL_TEXT_PART_LENGTH, text.length);
    if (/[\ud800-\udbff]/.test(text[end - 1] ?? '')) end += 1;
    parts.push(text.slice(begin, end));
    begin = end;
  }
  return parts;
}
