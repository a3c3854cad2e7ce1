import { base64url } from 'jose';

/** The certificate that a client presented in the TLS handshake, of whose key the handshake proved that the client has it. */
export interface ClientCertificate {
  /** SHA-256 of it, as `x5t#S256` has it ([RFC 7515 section 4.1.8](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.8)). */
  readonly thumbprint: string;
  /** What Cloudflare found of its chain: `SUCCESS`, or what was wrong. */
  readonly verified: string;
  readonly isRevoked: boolean;
  /** When its time begins and ends, milliseconds since the epoch; NaN where that is not told. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** As [RFC 2253](https://www.rfc-editor.org/rfc/rfc2253) writes it. */
  readonly subjectDn: string;
  /** The certificate, DER in base64; undefined where Cloudflare does not hand it out, as one of more than 10 KiB. */
  readonly base64: string | undefined;
}

/** What `request.cf` tells of it, where there is one. */
interface TlsClientAuth {
  readonly certPresented?: unknown;
  readonly certVerified?: unknown;
  readonly certRevoked?: unknown;
  readonly certFingerprintSHA256?: unknown;
  readonly certNotBefore?: unknown;
  readonly certNotAfter?: unknown;
  readonly certSubjectDNRFC2253?: unknown;
  readonly certRFC9440?: unknown;
}

const SHA256 = /^[0-9a-f]{64}$/i;
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;

/**
 * The certificate of the connection that a request came by, from Cloudflare's own account of it: what a header says of one, anybody can
 * have written ([RFC 8705 section 6.5](https://www.rfc-editor.org/rfc/rfc8705#section-6.5)).
 */
export function clientCertificate(request: Request): ClientCertificate | undefined {
  const tls = request.cf?.tlsClientAuth as TlsClientAuth | null | undefined;
  if (tls?.certPresented !== '1' || typeof tls.certFingerprintSHA256 !== 'string') return undefined;
  const { certFingerprintSHA256: fingerprint, certVerified, certRevoked, certNotAfter, certRFC9440 } = tls;
  const { certNotBefore, certSubjectDNRFC2253 } = tls;
  if (!SHA256.test(fingerprint)) return undefined;
  return {
    thumbprint: base64url.encode(Uint8Array.fromHex(fingerprint)),
    verified: typeof certVerified === 'string' ? certVerified : '',
    // What is not plainly in order counts as revoked.
    isRevoked: certRevoked !== '0',
    notBefore: typeof certNotBefore === 'string' ? Date.parse(certNotBefore) : Number.NaN,
    notAfter: typeof certNotAfter === 'string' ? Date.parse(certNotAfter) : Number.NaN,
    subjectDn: typeof certSubjectDNRFC2253 === 'string' ? certSubjectDNRFC2253 : '',
    // RFC 9440 section 2.1: a byte sequence of Structured Fields.
    base64: typeof certRFC9440 === 'string' ? BYTE_SEQUENCE.exec(certRFC9440)?.[1] : undefined,
  };
}
