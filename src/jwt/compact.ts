import { base64url } from 'jose';
import { isJsonObject } from '../lib/json.ts';
import { decodeUtf8 } from '../lib/utf8.ts';

/** The header of a JWS ([RFC 7515 section 4.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1)), as far as it is looked at; nobody has verified it. */
export interface UnverifiedHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  readonly jwk?: unknown;
}

/** A JWT as it is written, of which nothing has been verified. */
export interface UnverifiedJwt {
  readonly header: UnverifiedHeader;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Whether the text is a compact JWS in the one way that we write it ([RFC 7515 section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)):
 * base64url leaves others that decode alike, with padding or stray last bits.
 */
export function isCanonicalCompact(token: string): boolean {
  const segments = token.split('.');
  return segments.length === 3 && segments.every(isCanonicalBase64url);
}

/** Whether the value is a text in base64url, in the one way to write it. */
export function isCanonicalBase64url(text: unknown): text is string {
  try {
    return (
      typeof text === 'string' && /^[A-Za-z0-9_-]+$/.test(text) && base64url.encode(base64url.decode(text)) === text
    );
  } catch {
    return false;
  }
}

/**
 * Reads a JWT without verifying it, so that it can be told what it claims to be before any work is done for it.
 * @returns undefined for whatever is no JWT in compact form, or has an extension (`crit`): none is understood here
 */
export function readUnverified(token: string): UnverifiedJwt | undefined {
  if (!isCanonicalCompact(token)) return undefined;
  const [first = '', second = ''] = token.split('.');
  const header = parseObject(first);
  const claims = parseObject(second);
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

function parseObject(segment: string): Record<string, unknown> | undefined {
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

/** A `typ` without the prefix that may be left out ([RFC 7515 section 4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)), in lower case. */
export function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '');
}
