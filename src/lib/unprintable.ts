// Control, format and separator characters, except those that lay out JSON and YAML.
const UNPRINTABLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const EVERY_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu');

/** Whether a text has a character that neither prints nor ends a line. */
export function isUnprintable(text: string): boolean {
  return UNPRINTABLE.test(text);
}

/** Replaces each character that neither prints nor ends a line. */
export function replaceUnprintable(text: string, replace: (character: string) => string): string {
  return text.replace(EVERY_UNPRINTABLE, replace);
}
