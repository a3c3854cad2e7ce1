import { base64url } from 'jose';
import { sha256 } from '../lib/sha256.ts';
import type { Certificate, ResourceRequest } from './options.ts';

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
const FINGERPRINT = /^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i;
const PEM = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/;
// RFC 9440 section 2.1: a byte sequence between colons.
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+=*):$/;
// The DER of a certificate begins so, in base64.
const BARE_DER = /^MI[A-Za-z0-9+/\s]+=*$/;
// The members of an element of Envoy's header, one after the other.
const MEMBER = /(?:^|;)([a-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)/giy;

/**
 * Returns the thumbprint of a certificate, as in `x5t#S256`
 * ([RFC 8705 section 3.1](https://www.rfc-editor.org/rfc/rfc8705#section-3.1)); undefined if it is not one.
 */
export async function certificateThumbprint(certificate: Certificate): Promise<string | undefined> {
  const der = typeof certificate === 'string' ? readText(certificate.trim()) : certificate;
  if (typeof der === 'string') return der;
  return der === undefined || der.length === 0 ? undefined : base64url.encode(await sha256(der));
}

/** Returns the DER that a text contains, the thumbprint if it is one, or undefined. */
function readText(text: string): Uint8Array | string | undefined {
  const members = [...text.matchAll(MEMBER)];
  const forwarded = (name: string) => members.find(([, member]) => member?.toLowerCase() === name)?.[2];
  const value = forwarded('hash') || forwarded('cert')?.replace(/^"|"$/g, '');
  // Several proxies wrote several elements, and the first may be the client's.
  if (value) return members.map(([member]) => member).join('') === text ? readText(value) : undefined;
  if (FINGERPRINT.test(text)) {
    const bytes = text.replaceAll(':', '').match(/../g) ?? [];
    return base64url.encode(Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)));
  }
  if (THUMBPRINT.test(text)) return text;
  try {
    const plain = text.includes('%') ? decodeURIComponent(text) : text;
    const base64 = PEM.exec(plain)?.[1] ?? BYTE_SEQUENCE.exec(plain)?.[1] ?? BARE_DER.exec(plain)?.[0];
    const bytes = base64 === undefined ? undefined : atob(base64.replace(/\s/g, ''));
    return bytes && Uint8Array.from(bytes, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** The members of `request.cf.tlsClientAuth` that are read. */
interface TlsClientAuth {
  readonly certPresented?: unknown;
  readonly certRevoked?: unknown;
  readonly certFingerprintSHA256?: unknown;
}

/**
 * Returns the thumbprint of the certificate of a request in Workers; undefined without one, or if it is revoked. Only Cloudflare writes
 * `request.cf`. The handshake proved that the client has the private key, so every issuer of the certificate will do.
 */
export function cloudflareCertificate(request: ResourceRequest): string | undefined {
  const { cf } = request as { readonly cf?: { readonly tlsClientAuth?: TlsClientAuth | null } | null };
  const tls = cf?.tlsClientAuth;
  const fingerprint = tls?.certFingerprintSHA256;
  // Only an explicit `0` means that it is not revoked.
  if (tls?.certPresented !== '1' || tls.certRevoked !== '0' || typeof fingerprint !== 'string') return undefined;
  return FINGERPRINT.test(fingerprint) ? fingerprint : undefined;
}
