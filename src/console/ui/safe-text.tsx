// Control characters, and characters that change the direction of text or are invisible: a name with them can look like another.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;

/** Shows a text of the API. Characters that cannot be seen, or that reorder others, are shown by their code point. */
export function SafeText({ text }: { readonly text: string | null | undefined }) {
  if (text === null || text === undefined) return null;
  return <bdi>{visible(text)}</bdi>;
}

/** Returns a text with its unsafe characters as code points, for titles and other places that take a string only. */
export function visible(text: string): string {
  return text.replaceAll(
    UNSAFE,
    (char) => `[U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
  );
}
