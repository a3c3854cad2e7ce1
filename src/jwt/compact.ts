import { base64url } from 'jose';
import { isJsonObject } from '../lib/json.ts';
import { decodeUtf8 } from '../lib/utf8.ts';

/**
 * The header of a JWS ([RFC 7515 section 4.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1)), not verified; only the members that we
 * read.
 */
export interface UnverifiedHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  readonly jwk?: unknown;
}

/** A parsed JWT, not verified. */
export interface UnverifiedJwt {
  readonly header: UnverifiedHeader;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Whether the text is a compact JWS in canonical form ([RFC 7515 section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)). Other
 * spellings in base64url, with padding or stray last bits, would decode to the same bytes.
 */
export function isCanonicalCompact(token: string): boolean {
  const segments = token.split('.');
  return segments.length === 3 && segments.every(isCanonicalBase64url);
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;
/** The last characters whose stray bits are zero, by the number of characters in the last group of four. */
const LAST = { 2: 'AQgw', 3: 'AEIMQUYcgkosw048' } as const;

/** Whether the value is a text in canonical base64url: without padding or stray last bits. */
export function isCanonicalBase64url(text: unknown): text is string {
  if (typeof text !== 'string' || !BASE64URL.test(text)) return false;
  const rest = text.length % 4;
  if (rest === 0) return true;
  return rest !== 1 && LAST[rest as 2 | 3].includes(text.charAt(text.length - 1));
}

/**
 * Parses a JWT without verifying it, so that its claims can be checked before any costly work.
 * @returns undefined if the text is not a JWT in compact form, or uses an extension (`crit`): none is supported
 */
export function readUnverified(token: string): UnverifiedJwt | undefined {
  if (!isCanonicalCompact(token)) return undefined;
  const [headerSegment = '', claimsSegment = ''] = token.split('.');
  const header = parseSegment(headerSegment);
  const claims = parseSegment(claimsSegment);
  if (!header || !claims || 'crit' in header || 'b64' in header) return undefined;
  const { alg, kid, typ, jwk } = header;
  if (typeof alg !== 'string' || !isTextOrAbsent(kid) || !isTextOrAbsent(typ)) return undefined;
  return {
    header: {
      alg,
      ...(kid !== undefined && { kid }),
      ...(typ !== undefined && { typ }),
      ...(jwk !== undefined && { jwk }),
    },
    claims,
  };
}

/** Parses a segment that is a JSON object; undefined if it is not one. */
export function parseSegment(segment: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(decodeUtf8(base64url.decode(segment)));
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

/**
 * Returns a `typ` in lower case, without the optional prefix `application/`
 * ([RFC 7515 section 4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)).
 */
export function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '');
}
