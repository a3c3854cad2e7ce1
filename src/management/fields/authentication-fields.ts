import { z } from '@hono/zod-openapi';
import { hasPrivateMember } from '../../jwt/public-key.ts';
import { REMOTE_URL_LENGTH_MAX } from '../../remote-keys/constants.ts';
import { AUTH_METHODS, SECURITY_PROFILES } from '../../store/client-authentication.ts';
import {
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
import { isPlainJson } from './plain-json.ts';
import { jsonBytes } from './schemas.ts';

// How a client authenticates and what its tokens are bound to, by the names of RFC 7591, RFC 8705 section 2.1.2 and 3.4, and RFC 9449
// section 5.2 where they have one.

const AuthMethod = z.enum(AUTH_METHODS);

const PublicKey = z
  .looseObject({ kty: z.string().max(KEY_TYPE_LENGTH_MAX) })
  .refine(({ kid }) => kid === undefined || typeof kid === 'string', { path: ['kid'], error: 'must be a text' })
  .refine((jwk) => !hasPrivateMember(jwk), 'must be a public key: whoever has seen this one must make another');

const Jwks = z
  .strictObject({
    keys: z.array(PublicKey).min(1).max(REGISTERED_KEYS_MAX),
  })
  .refine(
    (jwks) => jsonBytes(jwks) <= REGISTERED_KEYS_BYTES_MAX,
    `must be at most ${REGISTERED_KEYS_BYTES_MAX / 1024} KiB of JSON`,
  )
  .openapi('JwkSet', {
    description: 'A JWK Set (RFC 7517) of public keys.',
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

const Subject = z.string().min(1).max(CERTIFICATE_SUBJECT_LENGTH_MAX).nullable().default(null);
const ClaimText = z.union([z.string().min(1).max(IDENTITY_TEXT_LENGTH_MAX), z.number(), z.boolean()]);

const FederatedIdentity = z
  .strictObject({
    issuer: z
      .string()
      .max(IDENTITY_TEXT_LENGTH_MAX)
      .openapi({ example: 'https://token.actions.githubusercontent.com' }),
    audience: z.string().min(1).max(IDENTITY_TEXT_LENGTH_MAX).optional().openapi({
      description: 'The one audience that its tokens must have; else this issuer.',
      example: 'https://auth.example.com',
    }),
    subject: z.string().min(1).max(IDENTITY_TEXT_LENGTH_MAX).optional().openapi({
      description: 'What `sub` must be; `*` stands for any characters.',
      example: 'repo:octo-org/octo-repo:environment:production',
    }),
    claims: z
      .unknown()
      // A record leaves out a member `__proto__`, and with it a condition.
      .refine(
        (claims) => isPlainJson(claims, CLAIM_CONDITIONS_DEPTH),
        'must be an object of values and lists, with well-formed text, exact integers and no name __proto__',
      )
      .pipe(
        z.record(
          z.string().min(1).max(CLAIM_CONDITION_NAME_LENGTH_MAX),
          z.union([
            ClaimText,
            z.array(z.string().min(1).max(IDENTITY_TEXT_LENGTH_MAX)).min(1).max(CLAIM_CONDITIONS_MAX),
          ]),
        ),
      )
      .refine(
        (claims) => Object.keys(claims).length <= CLAIM_CONDITIONS_MAX,
        `must have at most ${CLAIM_CONDITIONS_MAX} members`,
      )
      .optional()
      .openapi({
        type: 'object',
        additionalProperties: true,
        description:
          'What other claims must be, by name, or by JSON pointer where they are nested: a value, or several of which one is enough; in texts `*` stands for any characters.',
        example: { repository_id: '74', ref: 'refs/heads/main' },
      }),
    jwks_uri: z.string().max(REMOTE_URL_LENGTH_MAX).optional().openapi({
      description:
        'Where the issuer’s keys are; else its discovery document tells. Of a SPIFFE trust domain, its bundle endpoint.',
      example: 'https://issuer.example.com/keys',
    }),
    jwks: Jwks.optional(),
  })
  .openapi('FederatedIdentity', {
    description:
      'A workload whose platform’s tokens the client authenticates with. Of `jwks_uri` and `jwks` one at most.',
    example: {
      issuer: 'https://token.actions.githubusercontent.com',
      audience: 'https://auth.example.com',
      claims: { repository_id: '74', ref: 'refs/heads/main' },
    },
  });

export const SecurityProfile = z.enum(SECURITY_PROFILES).default('standard');

/** The fields of a client that say so. */
export const AuthenticationFields = {
  token_endpoint_auth_method: AuthMethod.default('client_secret_basic').openapi({
    description:
      'How the client authenticates. The two that prove a secret are taken for one another. `federated_jwt`: with the token of another issuer, as `client_assertion`.',
  }),
  additional_auth_methods: z.array(AuthMethod).max(AUTH_METHODS.length).default([]).openapi({
    description: 'Other methods that are accepted as well, as while a client goes over from one to another.',
    example: [],
  }),
  jwks: Jwks.nullable()
    .default(null)
    .openapi({
      description:
        'The client’s public keys, for `private_key_jwt`; for `self_signed_tls_client_auth` each with its certificate in `x5c`.',
      type: ['object', 'null'],
    }),
  jwks_uri: z.string().max(REMOTE_URL_LENGTH_MAX).nullable().default(null).openapi({
    description: 'Where they are published, in place of `jwks`.',
    example: null,
  }),
  tls_client_auth_subject_dn: Subject.openapi({
    description:
      'For `tls_client_auth` one of these five: the subject of the certificate, exactly, as RFC 2253 writes it.',
    example: null,
  }),
  tls_client_auth_san_dns: Subject.openapi({
    description: 'A DNS name among the certificate’s alternative names, exactly; a wildcard stands for itself.',
    example: null,
  }),
  tls_client_auth_san_uri: Subject.openapi({ description: 'A URI among them, such as a SPIFFE ID.', example: null }),
  tls_client_auth_san_ip: Subject.openapi({
    description: 'An address among them, an IPv6 one as RFC 5952 writes it.',
    example: null,
  }),
  tls_client_auth_san_email: Subject.openapi({ description: 'An e-mail address among them.', example: null }),
  federated_identities: z
    .array(FederatedIdentity)
    .max(FEDERATED_IDENTITIES_MAX)
    .refine(
      (all) => jsonBytes(all) <= FEDERATED_IDENTITIES_BYTES_MAX,
      `must be at most ${FEDERATED_IDENTITIES_BYTES_MAX / 1024} KiB of JSON`,
    )
    .default([])
    .openapi({
      description: 'For `federated_jwt`: the workloads that are this client, each by the tokens of its platform.',
      example: [],
    }),
  dpop_bound_access_tokens: z.boolean().default(false).openapi({
    description: 'Whether every token request must have a DPoP proof (RFC 9449). One that has is bound in any case.',
  }),
  dpop_nonce_required: z
    .boolean()
    .default(false)
    .openapi({ description: 'Whether DPoP proofs must have a nonce of this service.' }),
  tls_client_certificate_bound_access_tokens: z.boolean().default(false).openapi({
    description: 'Whether every token is bound to the certificate of its request (RFC 8705), which then must have one.',
  }),
  security_profile: SecurityProfile.openapi({
    description:
      '`strict`: rules in the shape of FAPI 2.0. Those of the organization hold as well, where it is `strict`.',
  }),
};
