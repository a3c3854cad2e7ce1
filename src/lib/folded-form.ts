/**
 * Returns the form in which two texts are equal if programs or people take them for the same: compatibility variants (NFKC), letter case,
 * control characters and invisible ones make no difference, nor does white space at the ends.
 */
export function foldedForm(text: string): string {
  const visible = text.normalize('NFKC').replace(/[\p{Cc}\p{Default_Ignorable_Code_Point}]/gu, '');
  // Upper case first: a lower-case letter may have several upper-case partners, such as ſ and s, ß and ss, ı and i.
  const folded = visible.toUpperCase().toLowerCase().replaceAll('i\u0307', 'i');
  return folded.normalize('NFKC').trim();
}
