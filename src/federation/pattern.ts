/** Whether a text is what a pattern says, in which `*` stands for any characters, none among them. It takes no more time than their lengths multiplied. */
export function matchesPattern(pattern: string, text: string): boolean {
  const [prefix = '', ...rest] = pattern.split('*');
  const suffix = rest.pop();
  if (suffix === undefined) return pattern === text;
  if (text.length < prefix.length + suffix.length || !text.startsWith(prefix) || !text.endsWith(suffix)) return false;
  const end = text.length - suffix.length;
  let at = prefix.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** What a pattern begins with that can be nothing else. */
export function literalPrefix(pattern: string): string {
  return pattern.split('*', 1)[0] ?? '';
}

export function isPattern(text: string): boolean {
  return text.includes('*');
}
