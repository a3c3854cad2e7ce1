/**
 * Returns the client certificate of a connection of Node, in DER; undefined without one, or without TLS. The server asks for it with
 * `requestCert`. The handshake proved that the client has the private key, so every issuer of the certificate will do
 * ([RFC 8705 section 3](https://www.rfc-editor.org/rfc/rfc8705#section-3)).
 */
export function nodeCertificate(socket: unknown): Uint8Array | undefined {
  const { getPeerCertificate } = (socket ?? {}) as { getPeerCertificate?: () => { readonly raw?: Uint8Array } | null };
  return getPeerCertificate?.call(socket)?.raw;
}
