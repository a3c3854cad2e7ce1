/** Makes a text of others safe for a terminal: characters that control it (escape sequences, text direction) become �. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n' ? '\n' : '�',
  );
}

/** Makes a text of others safe for a terminal, on one line. */
export function line(text: string): string {
  return printable(text).replaceAll('\n', ' ');
}
