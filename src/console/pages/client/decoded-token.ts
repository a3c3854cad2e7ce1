export interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Decodes a JWT for people to read. It verifies nothing. @returns undefined if it is no JWT */
export function decodeToken(token: string): DecodedToken | undefined {
  const [header, claims, signature, ...more] = token.split('.');
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) return undefined;
  const decoded = { header: readPart(header), claims: readPart(claims) };
  return isObject(decoded.header) && isObject(decoded.claims)
    ? { header: decoded.header, claims: decoded.claims }
    : undefined;
}

function readPart(part: string): unknown {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
      character.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The claims whose numbers are seconds since the epoch. */
export const TIME_CLAIMS: readonly string[] = ['iat', 'exp', 'nbf'];
