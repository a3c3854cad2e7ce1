import { replaceUnprintable } from '../../lib/unprintable.ts';
import { VALUE_LENGTH_SHOWN } from '../constants.ts';

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

/** Cuts a text of others to a length that an error can show, and makes it safe for a terminal. */
export function shorten(text: string, length = VALUE_LENGTH_SHOWN): string {
  const characters = [...line(text)];
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : characters.join('');
}
