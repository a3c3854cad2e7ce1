import type { ClientAuthentication, KeyProof } from '../../gates/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { KeyFinder } from '../../remote-keys/remote-keys.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidClient } from '../response/oauth-error.ts';
import { type ClientCertificate, clientCertificate } from './certificate.ts';
import type { CertificateCredential } from './credential.ts';
import { verifyCertificate } from './self-signed-tls-client-auth.ts';
import { verifySubject } from './tls-client-auth.ts';

/**
 * Reads the credential of a client that authenticates by its certificate alone: the body has a `client_id` and no secret
 * ([RFC 8705 section 2](https://www.rfc-editor.org/rfc/rfc8705#section-2)).
 * @returns undefined if there is no certificate or no client_id
 * @throws OAuthError `invalid_client` if the certificate was revoked
 */
export function readClientCertificate(request: Request, parameters: Parameters): CertificateCredential | undefined {
  const clientId = parameters.get('client_id');
  const certificate = clientId === undefined ? undefined : clientCertificate(request);
  if (clientId === undefined || !certificate) return undefined;
  if (certificate.isRevoked) throw invalidClient('certificate_revoked');
  return { kind: 'certificate', clientId, certificate };
}

/**
 * Verifies a certificate by `tls_client_auth`, and if that fails by `self_signed_tls_client_auth`.
 * @returns the proof for the client's gate, or the failure of the method that the client is registered for
 * @throws RemoteError if the client's published certificates could not be fetched
 */
export async function verifyMutualTls(
  certificate: ClientCertificate,
  authentication: ClientAuthentication,
  remoteKeys: KeyFinder,
): Promise<KeyProof | AuthenticationFailure> {
  const bySubject = await verifySubject(certificate, authentication);
  if (typeof bySubject !== 'string') return bySubject;
  const byCertificate = await verifyCertificate(certificate, authentication, remoteKeys, Date.now());
  return byCertificate === 'method_not_registered' ? bySubject : byCertificate;
}
