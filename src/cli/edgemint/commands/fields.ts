import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { parse } from 'yaml';
import { isJsonObject } from '../../../lib/json.ts';
import { CommandLine } from '../command-line.ts';
import { UsageError } from '../failures.ts';
import type { Field } from '../field.ts';
import type { Kind } from '../named-kinds.ts';
import type { Terminal } from '../terminal.ts';

/** Adds an option for each field, and `--from`, which reads fields from a file. */
export function addFieldOptions(command: Command, fields: readonly Field[]): Command {
  if (command instanceof CommandLine) command.fields = fields;
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

/**
 * Replaces names by ids in the fields whose options take both.
 * @param find returns the id of a resource that is named by its id or name
 */
export async function replaceNames(
  command: Command,
  fields: readonly Field[],
  body: Record<string, unknown>,
  find: (kind: Kind, text: string) => Promise<string>,
): Promise<void> {
  const options = command.opts<Record<string, unknown>>();
  for (const { name, member, flags, kind } of fields) {
    const given = options[new Option(flags).attributeName()];
    if (kind === undefined || !Array.isArray(given)) continue;
    const ids = await Promise.all(given.map((text: string) => find(kind, text)));
    body[name] = member === undefined ? ids : { ...Object(body[name]), [member]: ids };
  }
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
