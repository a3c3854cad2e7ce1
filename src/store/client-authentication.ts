import type { AssertionAudience, AuthMethod, TlsSubject } from '../gates/protocol.ts';
import { completeList } from '../lib/complete-list.ts';

/**
 * The authentication methods of clients: names of the [IANA registry](https://www.iana.org/assignments/oauth-parameters), and
 * `federated_jwt` for a token of another issuer that the client trusts.
 */
export const AUTH_METHODS = completeList<AuthMethod>()([
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'federated_jwt',
]);

/** The methods that prove a secret. A client that has one of them may use the other too. */
const SECRET_METHODS: readonly AuthMethod[] = ['client_secret_basic', 'client_secret_post'];

/** The methods that the strict profile permits. */
export const STRICT_METHODS: readonly AuthMethod[] = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
];

/**
 * The signature algorithms that the strict profile permits to clients ([FAPI 2.0 section
 * 5.4.1](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.4.1)).
 */
export const STRICT_ALGS: readonly string[] = ['ES256', 'PS256', 'EdDSA', 'Ed25519'];

/** What the `aud` of a client's own assertion may be. */
export const ASSERTION_AUDIENCES = completeList<AssertionAudience>()(['issuer', 'issuer_or_token_endpoint']);

/** The security profiles of clients. `strict` follows FAPI 2.0. */
export const SECURITY_PROFILES = ['standard', 'strict'] as const;
export type SecurityProfile = (typeof SECURITY_PROFILES)[number];

/** Whether any of the methods proves a secret. */
export function usesSecrets(methods: readonly AuthMethod[]): boolean {
  return methods.some((method) => SECRET_METHODS.includes(method));
}

/**
 * The certificate names that can identify a client: the suffixes of the metadata names of [RFC 8705 section
 * 2.1.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2).
 */
export const TLS_SUBJECTS = completeList<TlsSubject['type']>()([
  'subject_dn',
  'san_dns',
  'san_uri',
  'san_ip',
  'san_email',
]);
