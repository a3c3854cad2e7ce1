import { VerificationError } from './verification-error.ts';

/** The scheme of the `Authorization` header. */
export type Scheme = 'Bearer' | 'DPoP';

/** A refusal of a token, before it becomes an answer. */
export interface RefusalDetails {
  readonly scheme?: Scheme | undefined;
  /** The scopes that a token must have. */
  readonly scope?: readonly string[] | undefined;
  readonly cause?: unknown;
}

/** What the challenges of an API say. */
export interface ChallengeOptions {
  /** The schemes that the API accepts. */
  readonly schemes: readonly Scheme[];
  /** The algorithms of DPoP proofs. */
  readonly algs: readonly string[];
  readonly resourceMetadata: string | undefined;
  /** The nonce for the next proof; undefined without nonces. */
  readonly nonce: () => Promise<string> | undefined;
}

const STATUSES: Readonly<Record<string, number>> = { invalid_request: 400, insufficient_scope: 403 };

/**
 * A refusal with the challenges of the API
 * ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3), [RFC 9449 section 7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1)).
 * The error stands in the challenge of the scheme that was used. Without credentials there is none.
 */
export async function challenge(
  code: string,
  message: string,
  { scheme, scope = [], cause }: RefusalDetails,
  { schemes, algs, resourceMetadata, nonce }: ChallengeOptions,
): Promise<VerificationError> {
  const ofError = code === 'missing_token' ? [] : [['error', code] as const, ['error_description', message] as const];
  const ofAll = [
    ...(scope.length > 0 ? [['scope', scope.join(' ')] as const] : []),
    ...(resourceMetadata === undefined ? [] : [['resource_metadata', resourceMetadata] as const]),
  ];
  // A scheme that the API does not accept gets the error in the first challenge.
  const used = scheme && schemes.includes(scheme) ? scheme : schemes[0];
  const challenges = schemes.map((name) => {
    const parameters = [
      ...(name === used ? ofError : []),
      ...ofAll,
      ...(name === 'DPoP' ? [['algs', algs.join(' ')] as const] : []),
    ];
    return [name, parameters.map(([key, value]) => `${key}="${quotable(value)}"`).join(', ')].filter(Boolean).join(' ');
  });
  const next = schemes.includes('DPoP') ? await nonce() : undefined;
  const headers = {
    'WWW-Authenticate': challenges.join(', '),
    ...(next !== undefined && { 'DPoP-Nonce': next }),
  };
  return new VerificationError(code, message, { status: STATUSES[code] ?? 401, headers, cause });
}

/** Keeps what a quoted string may have (RFC 6750 section 3). Scopes of routes and URLs come from the configuration, not from requests. */
function quotable(text: string): string {
  return text.replace(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, '');
}
