import { createReadStream } from 'node:fs';
import { Failure } from '../../failure.ts';

/** A value of a column. The tables of Edgemint hold no blobs. */
export type Value = string | number | null;

/** A row of a dump. */
export interface DumpedRow {
  readonly table: string;
  readonly columns: readonly string[];
  readonly values: readonly Value[];
}

const LINE_FEED = 10;

/** Reads the rows of a file that `wrangler d1 export` wrote. It has one statement in a line. @throws Failure if it has an unknown form */
export async function* readDump(file: string): AsyncGenerator<DumpedRow> {
  for await (const line of linesOf(createReadStream(file))) {
    const row = parseInsert(line);
    if (row) yield row;
  }
}

/** Splits UTF-8 at line feeds only; `node:readline` also does at other characters, which a text may contain. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let held: Buffer[] = [];
  for await (const piece of bytes) {
    const buffer = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let begin = 0;
    for (let end = buffer.indexOf(LINE_FEED); end >= 0; end = buffer.indexOf(LINE_FEED, begin)) {
      yield Buffer.concat([...held, buffer.subarray(begin, end)]).toString();
      held = [];
      begin = end + 1;
    }
    if (begin < buffer.length) held.push(buffer.subarray(begin));
  }
  const rest = Buffer.concat(held).toString();
  if (rest !== '') yield rest;
}

/** Parses an INSERT of a dump. @returns undefined for another statement @throws Failure if the INSERT has an unknown form */
export function parseInsert(line: string): DumpedRow | undefined {
  const head = /^INSERT INTO ("(?:[^"]|"")+") \(((?:"(?:[^"]|"")+",?)+)\) VALUES\(/.exec(line);
  if (!head) {
    if (/^\s*INSERT/i.test(line)) throw unknownForm(line);
    return undefined;
  }
  const [start, table = '', columns = ''] = head;
  const reader = new ValueReader(line, start.length);
  const values = reader.list();
  const names = [...columns.matchAll(/"((?:[^"]|"")+)"/g)].map(([, name = '']) => unquoted(`"${name}"`));
  if (names.length !== values.length) throw unknownForm(line);
  return { table: unquoted(table), columns: names, values };
}

const unquoted = (name: string) => name.slice(1, -1).replaceAll('""', '"');

function unknownForm(line: string): Failure {
  return new Failure(`wrangler exported a row in a form that this edgemint does not know: ${line.slice(0, 40)}…`);
}

class ValueReader {
  readonly #line: string;
  #at: number;

  constructor(line: string, at: number) {
    this.#line = line;
    this.#at = at;
  }

  list(): Value[] {
    const values = [this.#value()];
    while (this.#takes(',')) values.push(this.#value());
    if (this.#line.slice(this.#at) !== ');') throw unknownForm(this.#line);
    return values;
  }

  #value(): Value {
    if (this.#takes("'")) return this.#text();
    if (this.#takes('NULL')) return null;
    if (this.#takes('replace(')) return this.#replaced();
    const [digits] = /^-?\d+(\.\d+)?(e[+-]?\d+)?/.exec(this.#line.slice(this.#at, this.#at + 40)) ?? [];
    if (digits === undefined) throw unknownForm(this.#line);
    this.#at += digits.length;
    return Number(digits);
  }

  // A text with line breaks, which the dump writes as replace('…\n…','\n',char(10)).
  #replaced(): string {
    const text = this.#value();
    for (const [escaped, char] of [
      ['\\n', '\n'],
      ['\\r', '\r'],
    ] as const) {
      if (typeof text === 'string' && this.#takes(`,'${escaped}',char(${char.charCodeAt(0)}))`)) {
        return text.replaceAll(escaped, char);
      }
    }
    throw unknownForm(this.#line);
  }

  #text(): string {
    let text = '';
    for (;;) {
      const end = this.#line.indexOf("'", this.#at);
      if (end < 0) throw unknownForm(this.#line);
      text += this.#line.slice(this.#at, end);
      this.#at = end + 1;
      if (!this.#takes("'")) return text;
      text += "'";
    }
  }

  #takes(token: string): boolean {
    if (!this.#line.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }
}
