import { AUTH_METHODS, SECURITY_PROFILES } from '../../../store/client-authentication.ts';
import { jsonObject, jwksFile } from '../parse.ts';
import type { Field } from './fields.ts';

/** How a client authenticates, and what its tokens are bound to. */
export const AUTHENTICATION_FIELDS: readonly Field[] = [
  {
    name: 'token_endpoint_auth_method',
    flags: '--auth-method <method>',
    description: 'how it authenticates',
    choices: AUTH_METHODS,
  },
  {
    name: 'additional_auth_methods',
    flags: '--additional-auth-method <method>',
    description: 'another way that is accepted as well',
    many: 'list',
  },
  {
    name: 'jwks',
    flags: '--jwks-file <file>',
    description: 'its public keys: a JWK Set, or one JWK, in JSON',
    parse: jwksFile,
  },
  { name: 'jwks_uri', flags: '--jwks-uri <url>', description: 'where its public keys are published' },
  {
    name: 'tls_client_auth_subject_dn',
    flags: '--tls-subject-dn <dn>',
    description: 'the subject of its certificate, as RFC 2253 writes it',
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
    description: 'a workload that is this client, by the tokens of its platform; see trust-github, trust-kubernetes',
    parse: jsonObject,
    many: 'list',
  },
  { name: 'dpop_bound_access_tokens', flags: '--dpop-bound', description: 'its token requests must have a DPoP proof' },
  { name: 'dpop_bound_access_tokens', flags: '--no-dpop-bound', description: 'they need not' },
  {
    name: 'dpop_nonce_required',
    flags: '--dpop-nonce',
    description: 'its DPoP proofs must have a nonce of the server',
  },
  { name: 'dpop_nonce_required', flags: '--no-dpop-nonce', description: 'they need not' },
  {
    name: 'tls_client_certificate_bound_access_tokens',
    flags: '--certificate-bound',
    description: 'its tokens are bound to the certificate of the request, which must have one',
  },
  {
    name: 'tls_client_certificate_bound_access_tokens',
    flags: '--no-certificate-bound',
    description: 'they are not',
  },
  {
    name: 'security_profile',
    flags: '--security-profile <profile>',
    description: 'strict: no secrets, and no token that is not bound',
    choices: SECURITY_PROFILES,
  },
];
