/**
 * Brings a distinguished name into the form of RFC 2253: commas without spaces between its parts, and escapes in place of quotes. Subjects
 * of certificates are compared exactly with it.
 */
export function toRfc2253(name: string): string {
  const tokens = name.match(/\\.|"(?:\\.|[^"\\])*"|[^\\]/gs) ?? [];
  const parts: { separator: string; tokens: string[] }[] = [{ separator: '', tokens: [] }];
  for (const token of tokens) {
    if (/^[,;+]$/.test(token)) parts.push({ separator: token === '+' ? '+' : ',', tokens: [] });
    else parts.at(-1)?.tokens.push(token.startsWith('"') && token.length > 1 ? unquoted(token) : token);
  }
  return parts.map(({ separator, tokens: own }) => separator + part(own)).join('');
}

function part(tokens: readonly string[]): string {
  const equals = tokens.indexOf('=');
  return equals < 0 ? trimmed(tokens) : `${trimmed(tokens.slice(0, equals))}=${trimmed(tokens.slice(equals + 1))}`;
}

/** Removes spaces at both ends, but not escaped ones: these are tokens of two characters. */
function trimmed(tokens: readonly string[]): string {
  const first = tokens.findIndex((token) => token !== ' ');
  const last = tokens.findLastIndex((token) => token !== ' ');
  return first < 0 ? '' : tokens.slice(first, last + 1).join('');
}

function unquoted(token: string): string {
  const plain = token.slice(1, -1).replace(/\\(.)/gs, '$1');
  return plain.replace(/[,+"\\<>;]|^[ #]| $/g, '\\$&');
}
