import type { JWK } from 'jose';
import { ASSERTION_LIFETIME_DEFAULT, STRICT_ACCESS_TOKEN_TTL_MAX } from '../../constants.ts';
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
import { addressFault } from '../../outbound/address.ts';
import { type SecurityProfile, STRICT_ALGS, STRICT_METHODS, TLS_SUBJECTS } from '../../store/client-authentication.ts';
import { REMEMBERED_ASSERTIONS_MAX } from '../constants.ts';
import { type FieldError, pointer } from '../http/field-error.ts';
import type { ClientBody } from './client-fields.ts';
import { hasUsableKey, registeredKey } from './registered-keys.ts';

interface CheckedAuthentication {
  readonly errors: readonly FieldError[];
  readonly keys: RegisteredKey[];
  readonly identities: RegisteredIdentity[];
}

/**
 * Checks how a client is to authenticate. The command line uses it as well.
 * @param issuer the issuer of this service
 * @param organizationProfile the security profile of the client's organization
 * @returns an error for each wrong field; keys with their thumbprints, and identities with their digests
 */
export async function checkAuthentication(
  fields: ClientBody,
  issuer: string,
  organizationProfile: SecurityProfile,
): Promise<CheckedAuthentication> {
  const errors: FieldError[] = [];
  const methods = [fields.token_endpoint_auth_method, ...fields.additional_auth_methods];
  const keys = await Promise.all(
    (fields.jwks?.keys ?? []).map((jwk, index) => registeredKey(jwk, pointer('jwks', 'keys', index), errors)),
  );
  const usableKeys = keys.filter((key) => key !== undefined);
  const identities = await Promise.all(
    fields.federated_identities.map((identity, index) => registeredIdentity(identity, index, issuer, errors)),
  );
  const isStrict = fields.security_profile === 'strict' || organizationProfile === 'strict';
  errors.push(
    ...methodFaults(fields, methods, usableKeys),
    ...keySourceFaults(fields),
    ...replayFaults(fields, methods),
    ...(isStrict ? strictFaults(fields, methods) : []),
  );
  return { errors, keys: usableKeys, identities };
}

/** Finds what the authentication methods require and the fields lack. */
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
      detail: 'must name each method once, and must not repeat `token_endpoint_auth_method`',
    });
  if (has('private_key_jwt') && !isPublished && fields.jwks === null)
    faults.push({ pointer: '/jwks', detail: 'is required for `private_key_jwt`, unless `jwks_uri` is set' });
  if (has('self_signed_tls_client_auth') && !isPublished && !keys.some(({ certificate }) => certificate !== null))
    faults.push({
      pointer: '/jwks',
      detail: 'must have a key with a certificate in `x5c` for `self_signed_tls_client_auth`, unless `jwks_uri` is set',
    });
  const subjects = tlsSubjects(fields);
  if (subjects.length > 1 || (has('tls_client_auth') && subjects.length === 0))
    faults.push({
      pointer: '/tls_client_auth_subject_dn',
      detail: 'exactly one of `tls_client_auth_subject_dn` and the four `tls_client_auth_san_*` fields must be set',
    });
  const ip = fields.tls_client_auth_san_ip;
  if (ip !== null && !isAddress(ip))
    faults.push({
      pointer: '/tls_client_auth_san_ip',
      detail: 'must be an IPv4 address, or an IPv6 address in the form of RFC 5952',
    });
  if (has('federated_jwt') && fields.federated_identities.length === 0)
    faults.push({ pointer: '/federated_identities', detail: 'must have at least one identity for `federated_jwt`' });
  return faults;
}

// URLs have one spelling for an address, which is also how those of certificates are read.
function isAddress(text: string): boolean {
  const host = text.includes(':') ? `[${text}]` : text;
  return /^[\d.]+$|:/.test(text) && URL.parse(`https://${host}/`)?.hostname === host;
}

function keySourceFaults({ jwks, jwks_uri }: ClientBody): FieldError[] {
  if (jwks_uri === null) return [];
  // RFC 7591 section 2
  if (jwks !== null) return [{ pointer: '/jwks_uri', detail: 'must not be set together with `jwks`' }];
  const detail = addressFault(jwks_uri);
  return detail === undefined ? [] : [{ pointer: '/jwks_uri', detail }];
}

/** Checks that the client's gate need not remember too many assertions: they live long, and the rate limit admits many. */
function replayFaults(
  { assertion_lifetime_max: lifetime, rate_limit }: ClientBody,
  methods: readonly AuthMethod[],
): FieldError[] {
  if (lifetime <= ASSERTION_LIFETIME_DEFAULT || !methods.includes('private_key_jwt')) return [];
  const perMinuteMax = Math.floor((REMEMBERED_ASSERTIONS_MAX * 60) / lifetime);
  if (rate_limit.per_minute <= perMinuteMax) return [];
  const detail = `must be at most ${perMinuteMax} if \`assertion_lifetime_max\` is ${lifetime}, because each assertion is remembered until it expires`;
  return [{ pointer: pointer('rate_limit', 'per_minute'), detail }];
}

/** Finds the fields that the strict profile forbids. */
function strictFaults(fields: ClientBody, methods: readonly AuthMethod[]): FieldError[] {
  const isWeak = (method: AuthMethod | undefined) => method !== undefined && !STRICT_METHODS.includes(method);
  const detail = `must be one of ${STRICT_METHODS.join(', ')} under the strict profile`;
  const ttl = fields.access_token_ttl ?? 0;
  return [
    ...(isWeak(methods[0]) ? [{ pointer: '/token_endpoint_auth_method', detail }] : []),
    ...(methods.slice(1).some(isWeak) ? [{ pointer: '/additional_auth_methods', detail }] : []),
    ...(ttl > STRICT_ACCESS_TOKEN_TTL_MAX
      ? [
          {
            pointer: '/access_token_ttl',
            detail: `must be at most ${STRICT_ACCESS_TOKEN_TTL_MAX} under the strict profile`,
          },
        ]
      : []),
    ...(fields.assertion_lifetime_max > ASSERTION_LIFETIME_DEFAULT
      ? [
          {
            pointer: '/assertion_lifetime_max',
            detail: `must be at most ${ASSERTION_LIFETIME_DEFAULT} under the strict profile`,
          },
        ]
      : []),
    ...(fields.assertion_audience === 'issuer'
      ? []
      : [{ pointer: '/assertion_audience', detail: 'must be `issuer` under the strict profile' }]),
    ...(fields.jwks?.keys ?? []).flatMap(({ alg }: JWK, index) =>
      alg === undefined || STRICT_ALGS.includes(alg)
        ? []
        : [
            {
              pointer: pointer('jwks', 'keys', index, 'alg'),
              detail: `must be one of ${STRICT_ALGS.join(', ')} under the strict profile`,
            },
          ],
    ),
  ];
}

/** Returns the certificate subjects that are set. At most one is allowed. */
export function tlsSubjects(fields: ClientBody): TlsSubject[] {
  return TLS_SUBJECTS.flatMap((type) => {
    const value = fields[`tls_client_auth_${type}`];
    return value === null ? [] : [{ type, value }];
  });
}

type IdentityBody = ClientBody['federated_identities'][number];

async function registeredIdentity(
  { audience = '', ...others }: IdentityBody,
  index: number,
  issuer: string,
  errors: FieldError[],
): Promise<RegisteredIdentity> {
  const identity: FederatedIdentity = { ...others, audience: audience || issuer };
  const at = (path: readonly string[]) => pointer('federated_identities', index, ...path);
  errors.push(...identityFaults(identity, issuer).map(({ path, detail }) => ({ pointer: at(path), detail })));
  if (identity.jwks && !(await hasUsableKey(identity.jwks.keys, keyUses(identity.issuer))))
    errors.push({
      pointer: at(['jwks']),
      detail: 'must have a key that this service can verify the issuer’s tokens with',
    });
  return { ...identity, digest: await sha256(JSON.stringify(identity)) };
}
