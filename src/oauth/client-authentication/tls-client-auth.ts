import { credentialRefs } from '../../gates/credential-refs.ts';
import type { ClientAuthentication, KeyProof, TlsSubject } from '../../gates/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { ClientCertificate } from './certificate.ts';

/**
 * Verifies that a certificate comes from an authority that Cloudflare is configured to trust, and has the subject that is registered for
 * the client ([RFC 8705 section 2.1](https://www.rfc-editor.org/rfc/rfc8705#section-2.1)).
 */
export async function verifySubject(
  certificate: ClientCertificate,
  authentication: ClientAuthentication,
): Promise<KeyProof | AuthenticationFailure> {
  const { methods, tls_subject } = authentication;
  if (!methods.includes('tls_client_auth') || tls_subject === null) return 'method_not_registered';
  if (certificate.verified !== 'SUCCESS') return 'certificate_not_verified';
  if (!(await subjectsOf(certificate, tls_subject.type)).includes(tls_subject.value)) return 'no_such_certificate';
  return { kind: 'key', anchor: credentialRefs.subject(authentication, tls_subject) };
}

async function subjectsOf({ subjectDn, base64 }: ClientCertificate, type: TlsSubject['type']): Promise<string[]> {
  if (type === 'subject_dn') return [subjectDn];
  if (base64 === undefined) return [];
  // Loaded with the first client that needs it, since few do.
  const { alternativeNames } = await import('./subject-alternative-names.ts');
  return alternativeNames(base64, type);
}
