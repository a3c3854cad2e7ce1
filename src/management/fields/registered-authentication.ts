import type { JWK } from 'jose';
import { STRICT_ACCESS_TOKEN_TTL_MAX } from '../../constants.ts';
import { keyUses } from '../../federation/identity.ts';
import { identityFaults } from '../../federation/identity-faults.ts';
import type {
  AuthMethod,
  FederatedIdentity,
  RegisteredIdentity,
  RegisteredKey,
  TlsSubject,
} from '../../gates/protocol.ts';
import { sha256 } from '../../lib/sha256.ts';
import { addressFault } from '../../remote-keys/address.ts';
import { type SecurityProfile, STRICT_ALGS, STRICT_METHODS, TLS_SUBJECTS } from '../../store/client-authentication.ts';
import type { ClientFields as StoredFields } from '../../store/clients.ts';
import { type FieldError, invalidIn, pointer } from '../http/problem.ts';
import type { ClientBody } from './client-fields.ts';
import { hasUsableKey, registeredKey } from './registered-keys.ts';

/** How a client authenticates, as its row has it. */
export type RegisteredAuthentication = Pick<
  StoredFields,
  | 'tokenEndpointAuthMethod'
  | 'additionalAuthMethods'
  | 'keys'
  | 'jwksUri'
  | 'tlsSubject'
  | 'federatedIdentities'
  | 'dpopBoundAccessTokens'
  | 'dpopNonceRequired'
  | 'tlsClientCertificateBoundAccessTokens'
  | 'securityProfile'
>;

/**
 * Checks how a client is to authenticate, and makes of it what its row has: keys with their thumbprints, identities with their digests.
 * @param issuer our own
 * @param ofOrganization the profile that its organization asks for
 * @throws ProblemError `invalid`, pointing at each field that is not as it must be
 */
export async function registeredAuthentication(
  fields: ClientBody,
  issuer: string,
  ofOrganization: SecurityProfile,
): Promise<RegisteredAuthentication> {
  const errors: FieldError[] = [];
  const methods = [fields.token_endpoint_auth_method, ...fields.additional_auth_methods];
  const keys = await Promise.all(
    (fields.jwks?.keys ?? []).map((jwk, index) => registeredKey(jwk, pointer('jwks', 'keys', index), errors)),
  );
  const found = keys.filter((key) => key !== undefined);
  const identities = await Promise.all(
    fields.federated_identities.map((identity, index) => registeredIdentity(identity, index, issuer, errors)),
  );
  const isStrict = fields.security_profile === 'strict' || ofOrganization === 'strict';
  errors.push(
    ...methodFaults(fields, methods, found),
    ...keySourceFaults(fields),
    ...(isStrict ? strictFaults(fields, methods) : []),
  );
  if (errors.length > 0) throw invalidIn(errors);
  return {
    tokenEndpointAuthMethod: fields.token_endpoint_auth_method,
    additionalAuthMethods: fields.additional_auth_methods,
    keys: found,
    jwksUri: fields.jwks_uri,
    tlsSubject: tlsSubjects(fields)[0] ?? null,
    federatedIdentities: identities,
    dpopBoundAccessTokens: fields.dpop_bound_access_tokens,
    dpopNonceRequired: fields.dpop_nonce_required,
    tlsClientCertificateBoundAccessTokens: fields.tls_client_certificate_bound_access_tokens,
    securityProfile: fields.security_profile,
  };
}

/** What the methods need and have not. */
function methodFaults(
  fields: ClientBody,
  methods: readonly AuthMethod[],
  keys: readonly RegisteredKey[],
): FieldError[] {
  const has = (method: AuthMethod) => methods.includes(method);
  const isPublished = fields.jwks_uri !== null;
  const faults: FieldError[] = [];
  if (new Set(methods).size < methods.length)
    faults.push({
      pointer: '/additional_auth_methods',
      detail: 'must name each method once, and others than `token_endpoint_auth_method`',
    });
  if (has('private_key_jwt') && !isPublished && fields.jwks === null)
    faults.push({ pointer: '/jwks', detail: 'must be given, or `jwks_uri`, for `private_key_jwt`' });
  if (has('self_signed_tls_client_auth') && !isPublished && !keys.some(({ certificate }) => certificate !== null))
    faults.push({
      pointer: '/jwks',
      detail: 'must have a key with a certificate in `x5c`, for `self_signed_tls_client_auth`',
    });
  const subjects = tlsSubjects(fields);
  if (subjects.length > 1 || (has('tls_client_auth') && subjects.length === 0))
    faults.push({
      pointer: '/tls_client_auth_subject_dn',
      detail: 'must be given, or exactly one of the four `tls_client_auth_san_*`',
    });
  const ip = fields.tls_client_auth_san_ip;
  if (ip !== null && !isAddress(ip))
    faults.push({
      pointer: '/tls_client_auth_san_ip',
      detail: 'must be an address, an IPv6 one as RFC 5952 writes it',
    });
  if (has('federated_jwt') && fields.federated_identities.length === 0)
    faults.push({ pointer: '/federated_identities', detail: 'must have one, for `federated_jwt`' });
  return faults;
}

// As certificates' are read: URLs write them in the same one way.
function isAddress(text: string): boolean {
  const host = text.includes(':') ? `[${text}]` : text;
  return /^[\d.]+$|:/.test(text) && URL.parse(`https://${host}/`)?.hostname === host;
}

function keySourceFaults({ jwks, jwks_uri }: ClientBody): FieldError[] {
  if (jwks_uri === null) return [];
  // RFC 7591 section 2
  if (jwks !== null) return [{ pointer: '/jwks_uri', detail: 'must not be given beside `jwks`' }];
  const detail = addressFault(jwks_uri);
  return detail === undefined ? [] : [{ pointer: '/jwks_uri', detail }];
}

/** What the strict profile does not let a client be registered with. */
function strictFaults(fields: ClientBody, methods: readonly AuthMethod[]): FieldError[] {
  const isWeak = (method: AuthMethod | undefined) => method !== undefined && !STRICT_METHODS.includes(method);
  const wanted = `must be ${STRICT_METHODS.join(', ')}, by the strict profile`;
  const ttl = fields.access_token_ttl ?? 0;
  return [
    ...(isWeak(methods[0]) ? [{ pointer: '/token_endpoint_auth_method', detail: wanted }] : []),
    ...(methods.slice(1).some(isWeak) ? [{ pointer: '/additional_auth_methods', detail: wanted }] : []),
    ...(ttl > STRICT_ACCESS_TOKEN_TTL_MAX
      ? [
          {
            pointer: '/access_token_ttl',
            detail: `must be at most ${STRICT_ACCESS_TOKEN_TTL_MAX}, by the strict profile`,
          },
        ]
      : []),
    ...(fields.jwks?.keys ?? []).flatMap(({ alg }: JWK, index) =>
      alg === undefined || STRICT_ALGS.includes(alg)
        ? []
        : [
            {
              pointer: pointer('jwks', 'keys', index, 'alg'),
              detail: `must be ${STRICT_ALGS.join(', ')}, by the strict profile`,
            },
          ],
    ),
  ];
}

/** The subjects of certificates that are given, of which one is wanted. */
function tlsSubjects(fields: ClientBody): TlsSubject[] {
  return TLS_SUBJECTS.flatMap((type) => {
    const value = fields[`tls_client_auth_${type}`];
    return value === null ? [] : [{ type, value }];
  });
}

type GivenIdentity = ClientBody['federated_identities'][number];

async function registeredIdentity(
  { audience = '', ...given }: GivenIdentity,
  index: number,
  issuer: string,
  errors: FieldError[],
): Promise<RegisteredIdentity> {
  const identity: FederatedIdentity = { ...given, audience: audience || issuer };
  const at = (path: readonly string[]) => pointer('federated_identities', index, ...path);
  errors.push(...identityFaults(identity, issuer).map(({ path, detail }) => ({ pointer: at(path), detail })));
  if (identity.jwks && !(await hasUsableKey(identity.jwks.keys, keyUses(identity.issuer))))
    errors.push({ pointer: at(['jwks']), detail: 'must have a key by which its tokens can be verified here' });
  return { ...identity, digest: await sha256(JSON.stringify(identity)) };
}

/** How it is shown. */
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
    federated_identities: stored.federatedIdentities.map(({ digest, ...identity }) => identity) as GivenIdentity[],
    dpop_bound_access_tokens: stored.dpopBoundAccessTokens,
    dpop_nonce_required: stored.dpopNonceRequired,
    tls_client_certificate_bound_access_tokens: stored.tlsClientCertificateBoundAccessTokens,
    security_profile: stored.securityProfile,
  };
}
