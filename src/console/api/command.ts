import { quote } from './equivalents.ts';

type OptionValue = string | number | boolean | readonly string[] | null | undefined;

/**
 * Writes an `edgemint` command.
 * @param words the names of the command and its arguments
 * @param options by name, without the dashes. Those without a value, and those that are false, are left out; a list repeats its option
 */
export function commandFor(words: readonly string[], options: Readonly<Record<string, OptionValue>> = {}): string {
  const written = Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === null || value === false || value === '') return [];
    if (value === true) return [`--${name}`];
    return (Array.isArray(value) ? value : [value]).map((each) => `--${name} ${word(String(each))}`);
  });
  return ['edgemint', ...words.map(word), ...written].join(' ');
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quote(text);
}
