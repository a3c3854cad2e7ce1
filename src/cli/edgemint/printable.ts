import { replaceUnprintable } from '../../lib/unprintable.ts';

/**
 * Makes a text of others safe for a terminal: characters that control it (escape sequences, text direction) or that are invisible become �.
 * The two that join or part letters stay, because some scripts and emoji need them.
 */
export function printable(text: string): string {
  return text.replace(/(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '�');
}

/** Formats a value as JSON whose characters all print. `JSON.stringify` escapes only some of the others. */
export function printableJson(value: unknown): string {
  return replaceUnprintable(JSON.stringify(value, null, 2), (character) =>
    character
      .split('')
      .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
      .join(''),
  );
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Makes a text of others safe for a terminal, on one line. */
export function line(text: string): string {
  return printable(text).replaceAll('\n', ' ');
}
