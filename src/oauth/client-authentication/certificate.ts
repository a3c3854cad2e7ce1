import { base64url } from 'jose';

/** The certificate that a client presented in the TLS handshake. The handshake proved that the client has its private key. */
export interface ClientCertificate {
  /** Its SHA-256 digest, as in `x5t#S256` ([RFC 7515 section 4.1.8](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.8)). */
  readonly thumbprint: string;
  /** Cloudflare's verdict on its chain: `SUCCESS`, or the fault. */
  readonly verified: string;
  readonly isRevoked: boolean;
  /** The period in which it is valid, milliseconds since the epoch; NaN if Cloudflare does not pass it on. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** In the form of [RFC 2253](https://www.rfc-editor.org/rfc/rfc2253). */
  readonly subjectDn: string;
  /** The certificate, DER in base64; undefined if Cloudflare does not pass it on, as with one of more than 10 KiB. */
  readonly base64: string | undefined;
}

/** The members of `request.cf.tlsClientAuth` that are read here. */
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
 * Returns the client certificate of a request's connection, as Cloudflare reports it. A header is never read: anybody can write one
 * ([RFC 8705 section 6.5](https://www.rfc-editor.org/rfc/rfc8705#section-6.5)).
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
    // Fails closed: only an explicit `0` means not revoked.
    isRevoked: certRevoked !== '0',
    notBefore: typeof certNotBefore === 'string' ? Date.parse(certNotBefore) : Number.NaN,
    notAfter: typeof certNotAfter === 'string' ? Date.parse(certNotAfter) : Number.NaN,
    subjectDn: typeof certSubjectDNRFC2253 === 'string' ? certSubjectDNRFC2253 : '',
    // RFC 9440 section 2.1: a byte sequence of Structured Fields.
    base64: typeof certRFC9440 === 'string' ? BYTE_SEQUENCE.exec(certRFC9440)?.[1] : undefined,
  };
}
