import { z } from '@hono/zod-openapi';
import { ASSERTION_LIFETIME_DEFAULT, ASSERTION_LIFETIME_LIMIT } from '../../constants.ts';
import { hasPrivateMember, PRIVATE_MEMBERS } from '../../jwt/public-key.ts';
import { kib } from '../../lib/size.ts';
import { OUTBOUND_URL_LENGTH_MAX } from '../../outbound/constants.ts';
import { ASSERTION_AUDIENCES, AUTH_METHODS, SECURITY_PROFILES } from '../../store/client-authentication.ts';
import {
  ASSERTION_LIFETIME_MIN,
  CERTIFICATE_SUBJECT_LENGTH_MAX,
  CLAIM_CONDITION_NAME_LENGTH_MAX,
  CLAIM_CONDITIONS_DEPTH,
  CLAIM_CONDITIONS_MAX,
  FEDERATED_IDENTITIES_BYTES_MAX,
  FEDERATED_IDENTITIES_MAX,
  IDENTITY_TEXT_LENGTH_MAX,
  KEY_TYPE_LENGTH_MAX,
  REGISTERED_KEYS_BYTES_MAX,
  REGISTERED_KEYS_MAX,
} from '../constants.ts';
import { namedValues, plainJson } from './collections.ts';
import { jsonBytes } from './schemas.ts';
import { text } from './text.ts';

// How a client authenticates, and what its tokens are bound to. Names are those of RFC 7591, of RFC 8705 sections 2.1.2 and 3.4, and of
// RFC 9449 section 5.2, if they have one.

const AuthMethod = z.enum(AUTH_METHODS);

// JSON has no `undefined`, so a `kid` is a text or absent.
const KeyId = z.string({ error: 'must be a string' }).optional() as unknown as z.ZodExactOptional<z.ZodString>;
const PublicKey = z
  .looseObject({ kty: z.string().max(KEY_TYPE_LENGTH_MAX), kid: KeyId })
  .refine(
    (jwk) => !hasPrivateMember(jwk),
    'must be a public key. This one has private members: replace the key pair, because its private key has been disclosed',
  )
  .openapi({ propertyNames: { not: { enum: PRIVATE_MEMBERS } } } as object);

// Not strict: RFC 7517 section 5 ignores members that are not understood. SPIFFE bundles, for example, have two of their own.
const Jwks = z
  .object({
    keys: z.array(PublicKey).min(1).max(REGISTERED_KEYS_MAX),
  })
  .refine(
    (jwks) => jsonBytes(jwks) <= REGISTERED_KEYS_BYTES_MAX,
    `must be at most ${kib(REGISTERED_KEYS_BYTES_MAX)} of JSON`,
  )
  .openapi('JwkSet', {
    description: `A JWK Set (RFC 7517) of 1 to ${REGISTERED_KEYS_MAX} public keys. Other members than \`keys\`, such as those of a SPIFFE bundle, are ignored.`,
    example: {
      keys: [
        {
          kty: 'EC',
          crv: 'P-256',
          kid: '2026-11',
          x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
          y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
        },
      ],
    },
  });

const Subject = text({ min: 1, max: CERTIFICATE_SUBJECT_LENGTH_MAX }).nullable().default(null);
const IdentityText = text({ min: 1, max: IDENTITY_TEXT_LENGTH_MAX });
const ExactNumber = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
const Condition = z.union([
  IdentityText,
  ExactNumber,
  z.boolean(),
  z.array(IdentityText).min(1).max(CLAIM_CONDITIONS_MAX),
]);
const ClaimConditions = namedValues(
  text({ min: 1, max: CLAIM_CONDITION_NAME_LENGTH_MAX }),
  Condition,
  CLAIM_CONDITIONS_MAX,
);

// The server checks more of it: see `addressFault`.
const KeysUrl = z.string().max(OUTBOUND_URL_LENGTH_MAX).openapi({ format: 'uri', pattern: '^https://' });

const FederatedIdentity = z
  .strictObject({
    issuer: text({ max: IDENTITY_TEXT_LENGTH_MAX })
      .regex(
        /^(https|spiffe):\/\/[^?#]+$/,
        'must be an https URL without query and fragment, or a `spiffe://` trust domain',
      )
      .openapi({
        format: 'uri',
        description:
          'The issuer (`iss`) of the tokens: an https URL, or a SPIFFE trust domain such as `spiffe://example.org`.',
        example: 'https://token.actions.githubusercontent.com',
      }),
    audience: IdentityText.optional().openapi({
      description: 'The only audience (`aud`) that the tokens may have. Default: the issuer of this service.',
      example: 'https://auth.example.com',
    }),
    subject: IdentityText.optional().openapi({
      description: 'The subject (`sub`) of the tokens. `*` matches any characters. Default: any subject.',
      example: 'repo:octo-org/octo-repo:environment:production',
    }),
    claims: plainJson(
      ClaimConditions,
      CLAIM_CONDITIONS_DEPTH,
      'must be an object of values and lists of values, with well-formed Unicode, exact integers and no member named __proto__',
    )
      .optional()
      .openapi({
        description:
          'Other claims that the tokens must have, by name, or by JSON pointer if they are nested. The condition is a value, or a list of values of which one must match. `*` matches any characters of a string.',
        example: { repository_id: '74', ref: 'refs/heads/main' },
      }),
    jwks_uri: KeysUrl.optional().openapi({
      description:
        'The URL of the issuer’s keys; for a SPIFFE trust domain, its bundle endpoint. Default: the URL in the issuer’s discovery document.',
      example: 'https://issuer.example.com/keys',
    }),
    jwks: Jwks.optional(),
  })
  .openapi('FederatedIdentity', {
    description:
      'A workload that is this client, described by the tokens that its platform issues to it. Set at most one of `jwks_uri` and `jwks`.',
    example: {
      issuer: 'https://token.actions.githubusercontent.com',
      audience: 'https://auth.example.com',
      claims: { repository_id: '74', ref: 'refs/heads/main' },
    },
  });

export const SecurityProfile = z.enum(SECURITY_PROFILES).default('standard');

/** The fields of a client that say how it authenticates, and what its tokens are bound to. */
export const AuthenticationFields = {
  token_endpoint_auth_method: AuthMethod.default('client_secret_basic').openapi({
    description:
      'How the client authenticates. A client of `client_secret_basic` may also use `client_secret_post`, and the reverse. With `federated_jwt` it sends a token of another issuer as `client_assertion`. Default: `client_secret_basic`.',
  }),
  additional_auth_methods: z.array(AuthMethod).max(AUTH_METHODS.length).default([]).openapi({
    uniqueItems: true,
    description:
      'Methods that are accepted besides `token_endpoint_auth_method`, for example during a migration. Default: none.',
    example: [],
  }),
  jwks: Jwks.nullable().default(null).openapi({
    description:
      'The client’s public keys, for `private_key_jwt`. For `self_signed_tls_client_auth`, each has its certificate in `x5c`. Default: none.',
  }),
  jwks_uri: KeysUrl.nullable().default(null).openapi({
    description: 'The https URL at which the client publishes its keys, in place of `jwks`. Default: none.',
    example: null,
  }),
  assertion_lifetime_max: z
    .int()
    .min(ASSERTION_LIFETIME_MIN)
    .max(ASSERTION_LIFETIME_LIMIT)
    .default(ASSERTION_LIFETIME_DEFAULT)
    .openapi({
      description: `The longest lifetime of the client’s own assertions, in seconds. Each is remembered until it expires, so a longer one also limits the \`rate_limit\`. The strict profile permits no more than the default. Default: ${ASSERTION_LIFETIME_DEFAULT}.`,
      example: ASSERTION_LIFETIME_DEFAULT,
    }),
  assertion_audience: z.enum(ASSERTION_AUDIENCES).default('issuer').openapi({
    description:
      'The audience (`aud`) that the client’s own assertions may have: only the issuer of this service, or also the URL of the token endpoint, for libraries that cannot be configured. The strict profile permits only the issuer. Default: `issuer`.',
  }),
  tls_client_auth_subject_dn: Subject.openapi({
    description:
      'The exact subject of the certificate, in the form of RFC 2253. `tls_client_auth` requires exactly one of the five `tls_client_auth_*` fields.',
    example: null,
  }),
  tls_client_auth_san_dns: Subject.openapi({
    description:
      'The exact DNS name that the certificate must have as a subject alternative name. A wildcard in it matches only itself.',
    example: null,
  }),
  tls_client_auth_san_uri: Subject.openapi({
    description: 'The exact URI that the certificate must have as a subject alternative name, such as a SPIFFE ID.',
    example: null,
  }),
  tls_client_auth_san_ip: Subject.openapi({
    description:
      'The IP address that the certificate must have as a subject alternative name. IPv6 in the form of RFC 5952.',
    example: null,
  }),
  tls_client_auth_san_email: Subject.openapi({
    description: 'The exact e-mail address that the certificate must have as a subject alternative name.',
    example: null,
  }),
  federated_identities: z
    .array(FederatedIdentity)
    .max(FEDERATED_IDENTITIES_MAX)
    .refine(
      (all) => jsonBytes(all) <= FEDERATED_IDENTITIES_BYTES_MAX,
      `must be at most ${kib(FEDERATED_IDENTITIES_BYTES_MAX)} of JSON`,
    )
    .default([])
    .openapi({
      description: 'The workloads that are this client, for `federated_jwt`. Default: none.',
      example: [],
    }),
  dpop_bound_access_tokens: z.boolean().default(false).openapi({
    description:
      'Whether every token request must have a DPoP proof (RFC 9449). A token requested with a proof is always bound to its key. Default: false.',
  }),
  dpop_nonce_required: z
    .boolean()
    .default(false)
    .openapi({ description: 'Whether DPoP proofs must have a nonce of this service. Default: false.' }),
  tls_client_certificate_bound_access_tokens: z.boolean().default(false).openapi({
    description:
      'Whether every token is bound to the client certificate of its request (RFC 8705). A request without one is then refused. Default: false.',
  }),
  security_profile: SecurityProfile.openapi({
    description:
      '`strict` applies rules modelled on FAPI 2.0. They also apply if the organization’s profile is `strict`. Default: `standard`.',
  }),
};
