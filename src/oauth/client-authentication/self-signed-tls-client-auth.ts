import type { JWK } from 'jose';
import { credentialRefs } from '../../gates/credential-refs.ts';
import type { ClientAuthentication, KeyProof } from '../../gates/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { KeyFinder } from '../../remote-keys/remote-keys.ts';
import type { ClientCertificate } from './certificate.ts';

/** Cloudflare's verdicts on a valid certificate without a trusted chain. They are OpenSSL's texts, and it has spelled some in two ways. */
const ACCEPTABLE: readonly string[] = [
  'SUCCESS',
  'FAILED:self signed certificate',
  'FAILED:self-signed certificate',
  'FAILED:self signed certificate in certificate chain',
  'FAILED:self-signed certificate in certificate chain',
  'FAILED:unable to get local issuer certificate',
  'FAILED:unable to verify the first certificate',
];

/**
 * Verifies that a certificate is registered for the client, or is published at its `jwks_uri`, in the `x5c` of a key
 * ([RFC 8705 section 2.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.2)). Its chain does not matter; its validity period does.
 * @param now milliseconds since the epoch
 * @throws RemoteError if the published certificates could not be fetched
 */
export async function verifyCertificate(
  { thumbprint, verified, notBefore, notAfter, base64 }: ClientCertificate,
  authentication: ClientAuthentication,
  remoteKeys: KeyFinder,
  now: number,
): Promise<KeyProof | AuthenticationFailure> {
  const { methods, keys, jwks_uri } = authentication;
  if (!methods.includes('self_signed_tls_client_auth')) return 'method_not_registered';
  // Checked here as well, because Cloudflare reports only one fault of a certificate that has two.
  const isInPeriod = notBefore <= now && now < notAfter;
  if (!ACCEPTABLE.includes(verified) || !isInPeriod) return 'certificate_not_verified';
  if (keys.some(({ certificate }) => certificate === thumbprint)) {
    return { kind: 'key', anchor: credentialRefs.certificate(authentication, thumbprint) };
  }
  if (jwks_uri === null || base64 === undefined) return 'no_such_certificate';
  const isPresented = ({ x5c }: JWK) => x5c?.[0] === base64;
  const published = await remoteKeys.all({ jwks_uri }, isPresented, now);
  return published.some(isPresented)
    ? { kind: 'key', anchor: credentialRefs.remoteCertificate(authentication, jwks_uri) }
    : 'no_such_certificate';
}
