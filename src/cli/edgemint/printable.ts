/**
 * Makes a text of others safe for a terminal: characters that control it (escape sequences, text direction) or that are invisible become �.
 * The two that join or part letters stay, because some scripts and emoji need them.
 */
export function printable(text: string): string {
  return text.replace(/(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '�');
}

// Control, format and separator characters, except those that lay out JSON and YAML.
const UNPRINTABLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const EVERY_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu');

/** Whether a text has a character that neither prints nor ends a line. */
export function isUnprintable(text: string): boolean {
  return UNPRINTABLE.test(text);
}

/** Formats a value as JSON whose characters all print. `JSON.stringify` escapes only some of the others. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(EVERY_UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
      .join(''),
  );
}

/** Escapes the unprintable characters of YAML, in which every text that has one is in double quotes. */
export function printableYaml(yaml: string): string {
  return yaml.replace(EVERY_UNPRINTABLE, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`;
  });
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Makes a text of others safe for a terminal, on one line. */
export function line(text: string): string {
  return printable(text).replaceAll('\n', ' ');
}
