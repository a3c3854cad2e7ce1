// RFC 6749 section 5.2: the characters of an `error_description`.
const UNPRINTABLE = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/g;

/** All but the characters of URIs and scopes that mean nothing in markup, templates and shells. */
const UNUSUAL = /[^\w .~:/?#@!&=+,;%*|()[\]-]/g;

/** The prefixes of our own secrets, of JWTs and of widespread API keys, with enough behind them to be one. */
const KNOWN_SECRET =
  /(?:em[skr]_|whsec_|eyJ|gh[oprsu]_|github_pat_|glpat-|[rs]k_(?:live|test)_|xox[abeprs]-|AKIA|AIza)[\w-]{8}/i;

/** A password in a URL, or a value that is named as a secret. */
const LABELLED_SECRET = /:\/\/[^/?#]*:[^/?#]*@|(?:secret|password|passwd|token|api_?key|assertion)=[^&]/i;
const LONG_RUN = /[\w+=~-]{20,}/g;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * Returns a text of a caller in a form that may be shown to it, and to its administrator: in the characters of usual identifiers, cut to a
 * length, and not at all if it looks like a credential that was put in the wrong place.
 */
export function echoOf(text: string, lengthMax: number): string {
  if (looksLikeCredential(text)) return '(hidden: it looks like a credential)';
  return printable(text.replace(UNUSUAL, '?'), lengthMax);
}

/** Returns a text of our own data in the characters of an error description, cut to a length. */
export function printable(text: string, lengthMax: number): string {
  const replaced = text.replace(UNPRINTABLE, '?');
  return replaced.length <= lengthMax ? replaced : `${replaced.slice(0, lengthMax - 3)}...`;
}

/**
 * Whether a text has a part that is random, as far as its characters tell. Names of scopes and resource servers rarely have one; UUIDs
 * pass.
 */
export function looksLikeCredential(text: string): boolean {
  if (KNOWN_SECRET.test(text) || LABELLED_SECRET.test(text)) return true;
  return [...text.matchAll(LONG_RUN)].some(([run]) => looksRandom(run));
}

function looksRandom(run: string): boolean {
  if (UUID.test(run)) return false;
  const digits = run.match(/\d/g)?.length ?? 0;
  const isMixed = digits > 0 && /[a-z]/.test(run) && /[A-Z]/.test(run);
  const isEncoded = digits >= 4 && /[a-z]/i.test(run) && /^[\da-z]{24,}$/i.test(run);
  return isMixed || isEncoded;
}
