import { isJsonObject } from '../lib/json.ts';
import { isUnprintable, replaceUnprintable } from '../lib/unprintable.ts';

const STEP = '  ';
/** The longest key that YAML finds without a `?` before it ([YAML 1.2 section 7.4](https://yaml.org/spec/1.2.2/#74-flow-collection-styles)). */
const IMPLICIT_KEY_LENGTH_MAX = 1024;

/** Writes a JSON value as YAML, lists and objects in blocks. Every character of it prints. */
export function writeYaml(value: unknown): string {
  return `${write(value, '')}\n`;
}

/** @param indent of the lines after the first */
function write(value: unknown, indent: string): string {
  if (typeof value === 'string') return writeText(value, indent);
  if (!isBlock(value)) return JSON.stringify(value);
  const lines = Array.isArray(value)
    ? value.map((item) => `- ${write(item, indent + STEP)}`)
    : Object.entries(value).map(([name, member]) => writeMember(name, member, indent));
  return lines.join(`\n${indent}`);
}

/** Whether a value takes a block of lines: a list or an object that is not empty. */
function isBlock(value: unknown): value is object {
  return (Array.isArray(value) || isJsonObject(value)) && Object.keys(value).length > 0;
}

function writeMember(name: string, value: unknown, indent: string): string {
  const key = isPlain(name) ? name : quote(name);
  const inner = indent + STEP;
  if (key.length > IMPLICIT_KEY_LENGTH_MAX) return `? ${key}\n${indent}: ${write(value, inner)}`;
  return `${key}:${isBlock(value) ? `\n${inner}` : ' '}${write(value, inner)}`;
}

function writeText(text: string, indent: string): string {
  if (isPlain(text)) return text;
  // A line that is empty or begins with a space would need signs of its own.
  const isLines = /^[^\n\t ]/.test(text) && /\n/.test(text) && !/\n[\t ]*$|[\t ]\n|\n[\t ]/.test(text);
  if (isLines && text.isWellFormed() && !isUnprintable(text))
    return `|-\n${indent}${text.replace(/\n+/g, `$&${indent}`)}`;
  return quote(text);
}

// Signs that mean something else at the beginning, in the middle or at the end of a text.
const SIGNS = /^[\n\t ,[\]{}#&*!|>'"%@`]|^[?-]$|^[?-][ \t]|:[ \t]|[\t ]#|[\t :]$/;
// Texts that would be read as null, a truth value or a number.
const OTHER_TYPES =
  /^(?:~|[Nn]ull|NULL|[Tt]rue|TRUE|[Ff]alse|FALSE|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)?$/;

function isPlain(text: string): boolean {
  return (
    !text.includes('\n') && text.isWellFormed() && !isUnprintable(text) && !SIGNS.test(text) && !OTHER_TYPES.test(text)
  );
}

function quote(text: string): string {
  if (text.includes('"') && !text.includes("'") && !text.includes('\n') && !isUnprintable(text)) return `'${text}'`;
  return replaceUnprintable(JSON.stringify(text), (character) => {
    const point = character.codePointAt(0) ?? 0;
    return point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`;
  });
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
