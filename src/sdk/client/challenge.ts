/** A challenge of a `WWW-Authenticate` header. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** By name, in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(String.raw`\s*(${TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(${TOKEN}))`, 'y');
const SCHEME = new RegExp(String.raw`[\s,]*(${TOKEN})(?=[\s,]|$)`, 'y');
const TOKEN68 = /\s+[A-Za-z0-9\-._~+/]+=*(?=\s*(?:,|$))/y;
const COMMA = /[\s,]*,\s*/y;

/**
 * Reads the challenges of a `WWW-Authenticate` header
 * ([RFC 9110 section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)), up to the first that is malformed.
 */
export function readChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let position = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const found = pattern.exec(header);
    if (found) position = pattern.lastIndex;
    return found;
  };
  for (let scheme = match(SCHEME); scheme; scheme = match(SCHEME)) {
    const parameters = new Map<string, string>();
    if (!match(TOKEN68)) {
      for (let parameter = match(PARAMETER); parameter; ) {
        const [, name = '', quoted, plain = ''] = parameter;
        parameters.set(name.toLowerCase(), quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'));
        const before = position;
        parameter = match(COMMA) && match(PARAMETER);
        // What follows the comma is the next scheme.
        if (!parameter) position = before;
      }
    }
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters });
  }
  return challenges;
}

/** Returns the `error` of the challenges for access tokens; undefined without one. */
export function challengeError(headers: Headers): string | undefined {
  const challenges = readChallenges(headers.get('WWW-Authenticate') ?? '');
  const ours = challenges.filter(({ scheme }) => scheme === 'bearer' || scheme === 'dpop');
  const errors = ours.flatMap(({ parameters }) => parameters.get('error') ?? []);
  return errors.find((error) => error === 'use_dpop_nonce') ?? errors[0];
}
