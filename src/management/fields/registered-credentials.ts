import type { RegisteredCredential } from '../../gates/credential-refs.ts';
import type { AuthMethod, ClientAuthentication } from '../../gates/protocol.ts';
import { pointer } from '../http/problem.ts';

/** The kinds of credentials, as the API names them. */
export const CREDENTIAL_KINDS = [
  'secret',
  'key',
  'certificate',
  'published_keys',
  'certificate_subject',
  'workload',
] as const;
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** A credential, as the API shows it. */
export interface DescribedCredential {
  readonly kind: CredentialKind;
  readonly auth_methods: AuthMethod[];
  readonly id: string;
  /** A name for people, if it has one. */
  readonly name: string | null;
  /** A JSON pointer to it in the client's representation; null for a secret. */
  readonly field: string | null;
}

/** Returns what the API shows of a credential that is no secret. */
export function describeCredential(
  { keys, jwks_uri, tls_subject, federated_identities }: ClientAuthentication,
  { method, source, index = 0 }: RegisteredCredential,
): DescribedCredential {
  const of = (kind: CredentialKind, id: string, name: string | null, ...path: (string | number)[]) => ({
    kind,
    auth_methods: [method],
    id,
    name,
    field: pointer(...path),
  });
  if (source === 'keys') {
    const { jwk, thumbprint = '', certificate = null } = keys[index] ?? {};
    const isCertificate = method === 'self_signed_tls_client_auth';
    const id = isCertificate ? (certificate ?? '') : thumbprint;
    return of(isCertificate ? 'certificate' : 'key', id, jwk?.kid ?? null, 'jwks', 'keys', index);
  }
  if (source === 'jwks_uri') return of('published_keys', jwks_uri ?? '', null, 'jwks_uri');
  if (source === 'tls_subject') {
    const { type = '', value = '' } = tls_subject ?? {};
    return of('certificate_subject', value, null, `tls_client_auth_${type}`);
  }
  const { digest = '', issuer = '', subject } = federated_identities[index] ?? {};
  const name = subject === undefined ? issuer : `${issuer} ${subject}`;
  return of('workload', digest, name, 'federated_identities', index);
}
