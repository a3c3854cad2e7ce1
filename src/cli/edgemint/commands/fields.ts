import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { parse } from 'yaml';
import { isJsonObject } from '../../../lib/json.ts';
import { UsageError } from '../failures.ts';
import type { Terminal } from '../terminal.ts';

/** A field of a representation, and the option that sets it. */
export interface Field {
  readonly name: string;
  /** If the field is an object of which the option sets one member: the name of that member. */
  readonly member?: string;
  /** The flags in the syntax of commander. */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  readonly parse?: (text: string) => unknown;
  /** If the option is repeatable: whether its values form a list, or `[key, value]` pairs an object. */
  readonly many?: 'list' | 'object';
  /** Whether only `create` takes the option. */
  readonly onlyNew?: boolean;
}

/** Adds an option for each field, and `--from`, which reads fields from a file. */
export function addFieldOptions(command: Command, fields: readonly Field[]): Command {
  for (const { flags, description, choices, parse, many } of fields) {
    const option = new Option(flags, many ? `${description} (repeatable)` : description);
    if (choices) option.choices(choices);
    const read = parse ?? ((text: string) => text);
    if (many) option.argParser<unknown[]>((text, previous) => [...(previous ?? []), read(text)]);
    else if (parse) option.argParser(read);
    command.addOption(option);
  }
  return command.option('--from <file>', 'read fields from a JSON or YAML file (- for stdin); options override them');
}

/**
 * Returns a function that finds the option of a field, for errors. With `--from`, only the options in use are found: other fields may come
 * from the file.
 */
export function optionFinder(
  command: Command,
  fields: readonly Field[],
): (field: string, member?: string) => string | undefined {
  const options = command.opts<Record<string, unknown>>();
  const candidates = fields.map(({ flags, ...field }) => ({ ...field, option: new Option(flags) }));
  const usable = candidates.filter(
    ({ option }) => options.from === undefined || options[option.attributeName()] !== undefined,
  );
  return (field, wanted) =>
    usable.find(({ name, member }) => name === field && (wanted === undefined || member === wanted))?.option.long;
}

/** Returns the fields that the options and the file of `--from` set. @throws UsageError if the file cannot be read */
export async function readFields(
  command: Command,
  fields: readonly Field[],
  terminal: Terminal,
): Promise<Record<string, unknown>> {
  const options = command.opts<Record<string, unknown>>();
  const body = new Map(Object.entries(await fieldsOfFile(options.from, terminal)));
  for (const { name, member, flags, parse, many } of fields) {
    const given = options[new Option(flags).attributeName()];
    if (given === undefined) continue;
    // commander replaces null, which some options parse, by an empty text.
    const read = parse && given === '' ? null : given;
    const value = many === 'object' ? Object.fromEntries(read as [string, unknown][]) : read;
    body.set(name, member === undefined ? value : { ...Object(body.get(name)), [member]: value });
  }
  return Object.fromEntries(body);
}

async function fieldsOfFile(file: unknown, terminal: Terminal): Promise<object> {
  if (typeof file !== 'string') return {};
  let value: unknown;
  try {
    value = parse(file === '-' ? await terminal.readInput() : await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : error}`);
  }
  if (isJsonObject(value)) return value;
  throw new UsageError(`${file} must hold an object of fields, such as {"name": "Acme"}.`);
}
