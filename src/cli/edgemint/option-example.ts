import type { Option } from 'commander';

/**
 * Returns a correct use of an option, such as `--limit 50`. Its value is the one that the description has in quotes or after "such as", or
 * the first choice.
 * @param value a correct value, if the description has none
 */
export function exampleOf(option: Option, value = valueIn(option)): string | undefined {
  const flag = option.long ?? option.flags;
  if (option.isBoolean()) return flag;
  return value && `${flag} ${/^[\w./:@=-]+$/.test(value) ? value : `'${value}'`}`;
}

function valueIn({ description, argChoices }: Option): string | undefined {
  const [, quoted, plain] = /"([^"]+)"|\bsuch as ([^"\s,;()]+)/.exec(description) ?? [];
  return quoted ?? plain?.replace(/[:.]$/, '') ?? argChoices?.[0];
}
