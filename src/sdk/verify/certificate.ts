import { base64url } from 'jose';
import { sha256 } from '../lib/sha256.ts';
import type { Certificate } from './options.ts';

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/;
// RFC 9440 section 2.1: a byte sequence between colons.
const HEADER_FIELD = /^:([A-Za-z0-9+/=]+):$/;

/**
 * Returns the thumbprint of a certificate, as in `x5t#S256`
 * ([RFC 8705 section 3.1](https://www.rfc-editor.org/rfc/rfc8705#section-3.1)); undefined if it is none. A text may be PEM, also as a URL
 * encodes it, the header field `Client-Cert` of [RFC 9440](https://www.rfc-editor.org/rfc/rfc9440), or the thumbprint.
 */
export async function certificateThumbprint(certificate: Certificate): Promise<string | undefined> {
  const der = typeof certificate === 'string' ? derOf(certificate) : certificate;
  if (typeof der === 'string') return der;
  return der === undefined || der.length === 0 ? undefined : base64url.encode(await sha256(der));
}

/** Returns the DER of a text, the text itself if it is a thumbprint, or undefined. */
function derOf(text: string): Uint8Array | string | undefined {
  const trimmed = text.trim();
  if (THUMBPRINT.test(trimmed)) return trimmed;
  const decoded = trimmed.includes('%') ? decode(trimmed) : trimmed;
  const base64 = PEM.exec(decoded)?.[1] ?? HEADER_FIELD.exec(decoded)?.[1];
  try {
    return base64 === undefined ? undefined : Uint8Array.from(atob(base64.replace(/\s/g, '')), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
