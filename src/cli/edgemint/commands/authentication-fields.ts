import { ASSERTION_AUDIENCES, AUTH_METHODS, SECURITY_PROFILES } from '../../../store/client-authentication.ts';
import type { Field } from '../field.ts';
import { jsonObject, jwksFile, seconds } from '../parse.ts';

/** The options for how a client authenticates, and for what its tokens are bound to. */
export const AUTHENTICATION_FIELDS: readonly Field[] = [
  {
    name: 'token_endpoint_auth_method',
    flags: '--auth-method <method>',
    description: 'how the client authenticates',
    choices: AUTH_METHODS,
  },
  {
    name: 'additional_auth_methods',
    flags: '--additional-auth-method <method>',
    description: 'another accepted method',
    many: 'list',
  },
  {
    name: 'jwks',
    flags: '--jwks-file <file>',
    description: 'a file with its public keys: a JWK Set, one JWK, or PEM',
    parse: jwksFile,
  },
  { name: 'jwks_uri', flags: '--jwks-uri <url>', description: 'the URL of its public keys' },
  {
    name: 'tls_client_auth_subject_dn',
    flags: '--tls-subject-dn <dn>',
    description: 'the subject of its certificate, in the form of RFC 2253',
  },
  {
    name: 'tls_client_auth_san_dns',
    flags: '--tls-san-dns <name>',
    description: 'the DNS name in its certificate',
  },
  { name: 'tls_client_auth_san_uri', flags: '--tls-san-uri <uri>', description: 'the URI in its certificate' },
  { name: 'tls_client_auth_san_ip', flags: '--tls-san-ip <address>', description: 'the IP address in its certificate' },
  {
    name: 'tls_client_auth_san_email',
    flags: '--tls-san-email <address>',
    description: 'the email address in its certificate',
  },
  {
    name: 'federated_identities',
    flags: '--federated-identity <json>',
    description: 'a workload that may act as this client; see also trust-github and trust-kubernetes',
    parse: jsonObject,
    many: 'list',
  },
  {
    name: 'assertion_lifetime_max',
    flags: '--assertion-lifetime-max <duration>',
    description: 'the longest lifetime of its own assertions, such as 1h',
    parse: seconds,
  },
  {
    name: 'assertion_audience',
    flags: '--assertion-audience <audience>',
    description: 'the audience that its own assertions may have',
    choices: ASSERTION_AUDIENCES,
  },
  { name: 'dpop_bound_access_tokens', flags: '--dpop-bound', description: 'require a DPoP proof in token requests' },
  { name: 'dpop_bound_access_tokens', flags: '--no-dpop-bound', description: 'do not require one' },
  {
    name: 'dpop_nonce_required',
    flags: '--dpop-nonce',
    description: 'require a nonce of the server in DPoP proofs',
  },
  { name: 'dpop_nonce_required', flags: '--no-dpop-nonce', description: 'do not require one' },
  {
    name: 'tls_client_certificate_bound_access_tokens',
    flags: '--certificate-bound',
    description: 'require a certificate in token requests, and bind tokens to it',
  },
  {
    name: 'tls_client_certificate_bound_access_tokens',
    flags: '--no-certificate-bound',
    description: 'do not',
  },
  {
    name: 'security_profile',
    flags: '--security-profile <profile>',
    description: 'strict: no secrets, and only bound tokens',
    choices: SECURITY_PROFILES,
  },
];
