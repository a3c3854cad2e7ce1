import type { Refusal, Scheme } from './refusal.ts';

/** What the challenges of an API say. */
export interface ChallengeOptions {
  /** The schemes that the API accepts. */
  readonly schemes: readonly Scheme[];
  /** The algorithms of DPoP proofs. */
  readonly algorithms: readonly string[];
  readonly resourceMetadata: string | undefined;
}

type Parameter = readonly [name: string, value: string];

/**
 * Returns the `WWW-Authenticate` of a refusal
 * ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3), [RFC 9449 section 7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1)):
 * a challenge for each scheme, and the error in that of the scheme that was used. Without credentials there is no error.
 * @param scope the scopes that a token must have
 */
export function challenges(
  { code, message }: Refusal,
  used: Scheme,
  scope: readonly string[],
  { schemes, algorithms, resourceMetadata }: ChallengeOptions,
): string {
  const ofError: Parameter[] =
    code === 'missing_token'
      ? []
      : [
          ['error', code],
          ['error_description', message],
        ];
  const ofAll: Parameter[] = [
    ...(scope.length > 0 ? [['scope', scope.join(' ')] as const] : []),
    ...(resourceMetadata === undefined ? [] : [['resource_metadata', resourceMetadata] as const]),
  ];
  // An API that accepts no such scheme says so in its first challenge.
  const accused = schemes.includes(used) ? used : schemes[0];
  return schemes
    .map((scheme) => {
      const ofProofs: Parameter[] = scheme === 'DPoP' ? [['algs', algorithms.join(' ')]] : [];
      const parameters = [...(scheme === accused ? ofError : []), ...ofAll, ...ofProofs];
      return `${scheme} ${parameters.map(([name, value]) => `${name}="${quotable(value)}"`).join(', ')}`.trim();
    })
    .join(', ');
}

/** Keeps the characters that a quoted text may have (RFC 6750 section 3), so that no text can add a header. */
function quotable(text: string): string {
  return text.replace(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, '');
}
