import type { Command } from 'commander';
import { isJsonObject } from '../../lib/json.ts';
import { duration } from './durations.ts';
import { type FieldOption, findOption } from './option-table.ts';
import { line, shorten } from './printable.ts';
import type { Problem } from './representations.ts';

type FieldProblem = NonNullable<Problem['errors']>[number];

/** The parts of a request that its errors point into. */
export interface Sent {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  /** What names the organization of the request. */
  readonly organizationNamedBy?: string | undefined;
}

/** Fields whose values an error must not repeat. */
const SECRETS = /secret|token$|jwks|api_key/;

/**
 * Describes one error of a field: by the option of the command that sets the field, if there is one, with the wrong value and a right one.
 * @param command the command that sent the request. Without it, fields are named as in the API
 */
export function describeFieldError(
  { pointer, parameter, detail }: FieldProblem,
  sent: Sent,
  command: Command | undefined,
): string {
  const path = pointer === undefined ? [parameter ?? ''] : keysOf(pointer);
  const [name = '', member, ...rest] = path;
  const option = command && (optionOf(command, name, member) ?? optionOf(command, name));
  const isReset = command?.opts<{ reset?: string[] }>().reset?.some((field) => field.replaceAll('-', '_') === name);
  const value = pointer === undefined ? sent.query?.[name] : valueAt(sent.body, path);
  if (detail === 'There is no such organization.' && typeof value === 'string') {
    const by = sent.organizationNamedBy;
    return line(`\`${shorten(value)}\` does not exist${by === undefined ? '' : `; ${by} names it`}.`);
  }
  const subject = isReset ? `--reset ${name}` : subjectOf(option, pointer ?? name, option?.member, member, rest);
  const text = translate(detail, command, option?.isDuration ? 'duration' : typeof value);
  const isRequired = /^`[^`]+` is required/.test(text);
  const wrong = isReset || value === undefined || isRequired ? '' : wrongValue(name, value, text, option);
  const example = option?.example === undefined || isReset ? '' : ` Example: ${option.example}`;
  const sentence = /[.!?]$/.test(text + wrong) ? text + wrong : `${text}${wrong}.`;
  const needsSubject = !(isRequired && option && text.startsWith(`\`${option.flag}\``));
  return `${needsSubject ? `${line(subject)}: ` : ''}${line(sentence)}${example}`;
}

/** Replaces the names of fields in a text of the API by the options of a command. */
export function translateNames(text: string, command: Command | undefined): string {
  if (!command) return text;
  return text.replace(/`([A-Za-z_-]+)`/g, (name, field: string) => {
    const option = findOption(command, field);
    return option ? `\`${option.flag}\`` : name;
  });
}

type FoundOption = FieldOption & { readonly member: string | undefined };

function optionOf(command: Command, name: string, member?: string): FoundOption | undefined {
  const option = findOption(command, name, member);
  return option && { ...option, member };
}

function subjectOf(
  option: FieldOption | undefined,
  path: string,
  ofMember: string | undefined,
  member: string | undefined,
  rest: readonly string[],
): string {
  if (!option) return path;
  return (ofMember === undefined ? member : rest[0]) === undefined ? option.flag : `${option.flag} (${path})`;
}

function wrongValue(name: string, value: unknown, text: string, option: FieldOption | undefined): string {
  if (SECRETS.test(name)) return '';
  const isDuration = option?.isDuration && typeof value === 'number';
  const shown = isDuration ? duration(value) : shorten(typeof value === 'string' ? value : JSON.stringify(value));
  // Some texts of the API repeat the value.
  return text.includes(shown) && shown.length > 2 ? '' : `${text.endsWith('.') ? ' It is' : ', not'} \`${shown}\``;
}

/** Says the sentences of the API's schemas in plain words, with the options of the command for its fields. */
function translate(detail: string, command: Command | undefined, type: string): string {
  const bounded = detail.replace(/^must be (at least|at most) (\d+)(?= |$)/, (text, bound, number) =>
    type === 'duration' ? `must be ${bound} ${durations(Number(number))}` : text,
  );
  const plain = bounded
    .replace(/^Too (small|big): expected (\w+) to (?:be|have) ([<>])(=?)(-?\d+)( \w+)?$/, (...match) => {
      const [, , of = '', sign, equal, number = '', unit = ''] = match as string[];
      const bound = `${sign === '>' ? (equal ? 'at least' : 'more than') : equal ? 'at most' : 'less than'}`;
      const counted = of === 'string' || of === 'array';
      const amount = type === 'duration' ? durations(Number(number)) : `${number}${counted ? unit : ''}`;
      return `must ${counted ? 'have' : 'be'} ${bound} ${amount}`;
    })
    .replace(/^Invalid option: expected one of (.+)$/, (_, options: string) => `must be ${orList(options)}`)
    .replace(/^Invalid input: expected (\w+), received .+$/, 'must be of type $1');
  return translateNames(plain, command);
}

/** Names a bound in seconds, and in a larger unit too if that is another. */
function durations(seconds: number): string {
  const large = duration(seconds);
  return large === `${seconds}s` ? `${seconds} s` : `${seconds} s (${large})`;
}

function orList(options: string): string {
  return options.replaceAll('"', '`').replaceAll('|', ' or ');
}

function keysOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(body: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)];
    return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, body);
}
