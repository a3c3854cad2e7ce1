import { base64url } from 'jose';

/**
 * Returns the thumbprint of the client certificate of a request in Workers, as in `x5t#S256`; undefined without one. Only Cloudflare writes
 * `request.cf`. The handshake proved that the client has the private key: the
 * binding needs no trusted issuer ([RFC 8705 section 3](https://www.rfc-editor.org/rfc/rfc8705#section-3)).
 */
export function cloudflareCertificate(request: Request): string | undefined {
  const { cf } = request as { readonly cf?: { readonly tlsClientAuth?: Readonly<Record<string, unknown>> | null } };
  const tls = cf?.tlsClientAuth;
  const fingerprint = tls?.certPresented === '1' ? String(tls.certFingerprintSHA256) : '';
  if (!/^[0-9a-f]{64}$/i.test(fingerprint)) return undefined;
  const bytes = fingerprint.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? [];
  return base64url.encode(Uint8Array.from(bytes));
}

/**
 * Returns the client certificate of a connection of Node, in DER; undefined without one, or without TLS. The server asks for it with
 * `requestCert`.
 */
export function nodeCertificate(socket: unknown): Uint8Array | undefined {
  const { getPeerCertificate } = (socket ?? {}) as { getPeerCertificate?: () => { readonly raw?: Uint8Array } | null };
  return getPeerCertificate?.call(socket)?.raw;
}
