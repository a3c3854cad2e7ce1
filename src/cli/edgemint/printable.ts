/** A text that others wrote, fit for a terminal: what would steer it (escape sequences, reversed direction) shows as �. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n' ? '\n' : '�',
  );
}

/** As `printable`, on one line. */
export function line(text: string): string {
  return printable(text).replaceAll('\n', ' ');
}
