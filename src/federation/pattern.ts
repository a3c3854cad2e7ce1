/** Whether a text matches a pattern, in which `*` stands for any number of characters. Takes at most O(pattern × text) time. */
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

/** Returns the part of a pattern before its first wildcard. */
export function literalPrefix(pattern: string): string {
  return pattern.split('*', 1)[0] ?? '';
}

/** Whether a text contains a wildcard. */
export function isPattern(text: string): boolean {
  return text.includes('*');
}
