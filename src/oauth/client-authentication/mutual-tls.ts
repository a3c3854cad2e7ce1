import type { Parameters } from '../request/parameters.ts';
import { invalidClient } from '../response/oauth-error.ts';
import type { AuthenticationServices } from '../services.ts';
import { clientCertificate } from './certificate.ts';
import type { KeyCredential } from './credential.ts';
import { verifyCertificate } from './self-signed-tls-client-auth.ts';
import { verifySubject } from './tls-client-auth.ts';

/**
 * Reads what a client that authenticates by its certificate alone sends: its `client_id`, and nothing to prove it
 * ([RFC 8705 section 2](https://www.rfc-editor.org/rfc/rfc8705#section-2)).
 * @returns undefined where there is no certificate, or no client_id with it
 * @throws OAuthError `invalid_client` where the certificate was revoked
 */
export function readClientCertificate(
  { remoteKeys }: Pick<AuthenticationServices, 'remoteKeys'>,
  request: Request,
  parameters: Parameters,
): KeyCredential | undefined {
  const clientId = parameters.get('client_id');
  const certificate = clientId === undefined ? undefined : clientCertificate(request);
  if (clientId === undefined || !certificate) return undefined;
  if (certificate.isRevoked) throw invalidClient('certificate_revoked');
  return {
    kind: 'key',
    clientId,
    verify: async (authentication) => {
      const bySubject = await verifySubject(certificate, authentication);
      if (typeof bySubject !== 'string') return bySubject;
      const itself = await verifyCertificate(certificate, authentication, remoteKeys, Date.now());
      return itself === 'method_not_registered' ? bySubject : itself;
    },
  };
}
