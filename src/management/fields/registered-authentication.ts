import type { JWK } from 'jose';
import type { TlsSubject } from '../../gates/protocol.ts';
import type { SecurityProfile } from '../../store/client-authentication.ts';
import type { ClientFields as StoredFields } from '../../store/clients.ts';
import { invalidIn } from '../http/problem.ts';
import { checkAuthentication, tlsSubjects } from './check-authentication.ts';
import type { ClientBody } from './client-fields.ts';

/** The columns of a client's row that say how it authenticates. */
export type RegisteredAuthentication = Pick<
  StoredFields,
  | 'tokenEndpointAuthMethod'
  | 'additionalAuthMethods'
  | 'keys'
  | 'jwksUri'
  | 'tlsSubject'
  | 'federatedIdentities'
  | 'assertionLifetimeMax'
  | 'assertionAudience'
  | 'dpopBoundAccessTokens'
  | 'dpopNonceRequired'
  | 'tlsClientCertificateBoundAccessTokens'
  | 'securityProfile'
>;

/**
 * Checks how a client is to authenticate, and returns the columns for its row: keys with their thumbprints, identities with their digests.
 * @param issuer the issuer of this service
 * @param organizationProfile the security profile of the client's organization
 * @throws ProblemError `invalid`, pointing at each wrong field
 */
export async function registeredAuthentication(
  fields: ClientBody,
  issuer: string,
  organizationProfile: SecurityProfile,
): Promise<RegisteredAuthentication> {
  const { errors, keys, identities } = await checkAuthentication(fields, issuer, organizationProfile);
  if (errors.length > 0) throw invalidIn(errors);
  return {
    tokenEndpointAuthMethod: fields.token_endpoint_auth_method,
    additionalAuthMethods: fields.additional_auth_methods,
    keys,
    jwksUri: fields.jwks_uri,
    tlsSubject: tlsSubjects(fields)[0] ?? null,
    federatedIdentities: identities,
    assertionLifetimeMax: fields.assertion_lifetime_max,
    assertionAudience: fields.assertion_audience,
    dpopBoundAccessTokens: fields.dpop_bound_access_tokens,
    dpopNonceRequired: fields.dpop_nonce_required,
    tlsClientCertificateBoundAccessTokens: fields.tls_client_certificate_bound_access_tokens,
    securityProfile: fields.security_profile,
  };
}

type IdentityBody = ClientBody['federated_identities'][number];

/** Returns how a client authenticates, as the API shows it. */
export function shownAuthentication(stored: RegisteredAuthentication) {
  const subject = (type: TlsSubject['type']) => (stored.tlsSubject?.type === type ? stored.tlsSubject.value : null);
  return {
    token_endpoint_auth_method: stored.tokenEndpointAuthMethod,
    additional_auth_methods: stored.additionalAuthMethods,
    jwks: stored.keys.length === 0 ? null : { keys: stored.keys.map(({ jwk }) => jwk as JWK & { kty: string }) },
    jwks_uri: stored.jwksUri,
    tls_client_auth_subject_dn: subject('subject_dn'),
    tls_client_auth_san_dns: subject('san_dns'),
    tls_client_auth_san_uri: subject('san_uri'),
    tls_client_auth_san_ip: subject('san_ip'),
    tls_client_auth_san_email: subject('san_email'),
    federated_identities: stored.federatedIdentities.map(({ digest, ...identity }) => identity) as IdentityBody[],
    assertion_lifetime_max: stored.assertionLifetimeMax,
    assertion_audience: stored.assertionAudience,
    dpop_bound_access_tokens: stored.dpopBoundAccessTokens,
    dpop_nonce_required: stored.dpopNonceRequired,
    tls_client_certificate_bound_access_tokens: stored.tlsClientCertificateBoundAccessTokens,
    security_profile: stored.securityProfile,
  };
}
