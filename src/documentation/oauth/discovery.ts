import { createRoute, z } from '@hono/zod-openapi';
import { JWKS_MAX_AGE } from '../../constants.ts';
import { SIGNING_ALGS } from '../../jwt/signing-algs.ts';
import { misconfigured, unavailable, wrongMethod } from './error-responses.ts';
import { JWK } from './examples.ts';
import { CACHEABLE } from './headers.ts';

/** The parts that the routes of all cacheable documents share. */
export const conditional = {
  request: {
    headers: z.object({
      'If-None-Match': z.string().optional().openapi({ description: 'The `ETag` of the cached copy.' }),
    }),
  },
  tags: ['Discovery'],
  security: [],
};

export const notModified = { 304: { description: 'The cached copy is current.', headers: CACHEABLE } };

const JsonWebKeySet = z
  .object({
    keys: z.array(
      z.looseObject({
        kid: z.string(),
        kty: z.enum(['EC', 'RSA', 'OKP']),
        use: z.literal('sig'),
        alg: z.enum(SIGNING_ALGS),
      }),
    ),
  })
  .openapi('JsonWebKeySet');

export const jwks = createRoute({
  ...conditional,
  operationId: 'getKeys',
  method: 'get',
  path: '/.well-known/jwks.json',
  summary: 'The public keys that verify tokens',
  description: `A JSON Web Key Set (RFC 7517). Cache it for up to ${JWKS_MAX_AGE / 60} minutes: each key is published for longer than that before it signs, and stays until the last token that it signed has expired. EC keys are first, then RSA keys, then OKP keys.`,
  responses: {
    200: {
      description: 'The keys, including those of the next rotation.',
      headers: CACHEABLE,
      content: { 'application/jwk-set+json': { schema: JsonWebKeySet, example: { keys: [JWK] } } },
    },
    ...notModified,
    ...wrongMethod('GET'),
    ...misconfigured,
    ...unavailable,
  },
});

const Metadata = z
  .looseObject({
    issuer: z.url(),
    token_endpoint: z.url(),
    authorization_endpoint: z.url().openapi({
      description: 'Refuses every request: there is no user flow. Some clients accept no metadata without it.',
    }),
    jwks_uri: z.url(),
    introspection_endpoint: z.url(),
    revocation_endpoint: z.url(),
    revocation_feed_endpoint: z.url().openapi({ description: 'A member of Edgemint: see the route.' }),
    grant_types_supported: z.array(z.string()),
    response_types_supported: z.array(z.string()),
    token_endpoint_auth_methods_supported: z.array(z.string()),
    token_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
    introspection_endpoint_auth_methods_supported: z.array(z.string()),
    introspection_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
    revocation_endpoint_auth_methods_supported: z.array(z.string()),
    revocation_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
    dpop_signing_alg_values_supported: z.array(z.string()).openapi({ description: 'RFC 9449 section 5.1.' }),
    tls_client_certificate_bound_access_tokens: z.boolean().openapi({ description: 'RFC 8705 section 3.3.' }),
    access_token_signing_alg_values_supported: z.array(z.string()),
  })
  .openapi('AuthorizationServerMetadata');

const OpenIdMetadata = Metadata.extend({
  response_types_supported: z.array(z.string()).openapi({
    description: 'Only `none`: OpenID Connect wants a type, and there is no user flow.',
  }),
  subject_types_supported: z.array(z.string()),
  id_token_signing_alg_values_supported: z.array(z.string()).openapi({
    description: 'The algorithms of access tokens. There are no ID tokens.',
  }),
}).openapi('OpenIdMetadata');

const metadataOf = (schema: typeof Metadata) => ({
  ...conditional,
  method: 'get' as const,
  responses: {
    200: {
      description: 'The URLs of the endpoints and the supported features.',
      headers: CACHEABLE,
      content: { 'application/json': { schema } },
    },
    ...notModified,
    ...wrongMethod('GET'),
    ...misconfigured,
  },
});

const OPENID_DESCRIPTION =
  'The document of RFC 8414, with the members that OpenID Connect requires besides, for verifiers that use its discovery.';

/**
 * Creates the routes of the metadata. [RFC 8414 section 3.1](https://www.rfc-editor.org/rfc/rfc8414#section-3.1) puts the well-known
 * segment before the issuer's path, OpenID Connect Discovery after it. So an issuer with a path has three routes, two of them at its
 * origin.
 */
export function metadataRoutes(issuer: string, issuerPath: string) {
  const { origin } = new URL(issuer);
  const atOrigin = issuerPath === '' ? {} : { servers: [{ url: origin }] };
  const rfc8414 = createRoute({
    ...metadataOf(Metadata),
    ...atOrigin,
    operationId: 'getMetadata',
    path: `/.well-known/oauth-authorization-server${issuerPath}`,
    summary: 'The metadata of the authorization server',
    description: 'The document of RFC 8414.',
  });
  const openIdAtOrigin = createRoute({
    ...metadataOf(OpenIdMetadata),
    ...atOrigin,
    operationId: 'getOpenIdMetadata',
    path: `/.well-known/openid-configuration${issuerPath}`,
    summary: 'The metadata at the OpenID Connect URL',
    description: OPENID_DESCRIPTION,
  });
  if (issuerPath === '') return [rfc8414, openIdAtOrigin];
  const openIdBelowIssuer = createRoute({
    ...metadataOf(OpenIdMetadata),
    operationId: 'getOpenIdMetadataBelowIssuer',
    path: '/.well-known/openid-configuration',
    summary: 'The metadata at the OpenID Connect URL below an issuer with a path',
    description: OPENID_DESCRIPTION,
  });
  return [rfc8414, openIdAtOrigin, openIdBelowIssuer];
}
