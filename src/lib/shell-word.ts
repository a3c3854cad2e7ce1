/** A word that means the same without quotes, in zsh as well, which expands a `=` at the start. */
const PLAIN = /^[\w@%+:,./-][\w@%+:,./=-]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced.
const CONTROLS = /[\0-\t\v-\x1f\x7f-\x9f]+/g;

/**
 * Quotes a word for a POSIX shell, if it needs quotes. A terminal acts on control characters when the command is pasted, even within
 * quotes, so `printf` makes them. Line feeds stay as they are.
 */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  return `'${text.replaceAll("'", String.raw`'\''`).replace(CONTROLS, (found) => `'"$(printf '${octal(found)}')"'`)}'`;
}

function octal(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
