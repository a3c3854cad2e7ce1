import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_TTL_DEFAULT, CALLER_AGE } from '../../constants.ts';
import { ACCESS_TOKEN_TYPS, SIGNING_ALGS } from '../../jwt/signing-algs.ts';
import { ACCEPTABLE_CLAIMS } from '../../tokens/reserved-claims.ts';
import { SCOPES_MAX } from '../constants.ts';
import { distinct } from './collections.ts';
import { AccessTokenTtl, Description, Name, ResourceIdentifier, ScopeName } from './schemas.ts';

const Scope = z.strictObject({ name: ScopeName, description: Description }).openapi('Scope');

export const Identifier = ResourceIdentifier.openapi({
  description:
    'The audience (`aud`) of the tokens: an absolute URI without a fragment, or a name such as `orders-service`. It is unique in the ' +
    'whole service, in any spelling that means the same (such as a trailing slash), and cannot be changed later.',
});

/** The fields of a resource server that a create and an update take. A create takes its identifier as well. */
export const ResourceServerFields = z.strictObject({
  name: Name.openapi({ description: 'A name for people.', example: 'Orders API' }),
  scopes: z
    .array(Scope)
    .max(SCOPES_MAX)
    .refine((scopes) => new Set(scopes.map(({ name }) => name)).size === scopes.length, 'must name each scope once')
    .default([])
    .openapi({ description: 'The scopes that can be granted at this resource server. Default: none.' }),
  access_token_ttl: AccessTokenTtl.openapi({
    description: `The lifetime of access tokens in seconds, for clients that do not set one. Default: ${ACCESS_TOKEN_TTL_DEFAULT}.`,
  }),
  signing_alg: z.enum(SIGNING_ALGS).default('ES256').openapi({
    description: 'The algorithm that signs the access tokens for this resource server. Default: `ES256`.',
  }),
  access_token_typ: z
    .enum(ACCESS_TOKEN_TYPS)
    .default('at+jwt')
    .openapi({
      description:
        'The `typ` header of the access tokens. `at+jwt` tells them apart from every other kind of JWT (RFC 9068). Choose `JWT` only if a ' +
        'verifier refuses `at+jwt`, as Spring Security does by default. Default: `at+jwt`.',
    }),
  introspection: z
    .enum(['strong', 'edge'])
    .default('strong')
    .openapi({
      description:
        'How introspection checks whether a token is revoked. `strong` asks the client’s gate and sees a revocation at once. `edge` reads ' +
        'the nearest copy: it is cheaper, and may see a revocation a minute or more later. ' +
        `A change of this setting takes effect within ${CALLER_AGE} seconds. Default: \`strong\`.`,
    }),
  scope_policy: z
    .enum(['exact', 'narrow'])
    .default('exact')
    .openapi({
      description:
        'What happens to a token request for more scopes than the client is granted. `exact` refuses it with `invalid_scope`. `narrow` ' +
        'issues a token with the granted scopes, named in `scope`, and refuses the request only if none of its scopes is granted. MCP ' +
        'clients, which request all scopes of a server, need `narrow`. Default: `exact`.',
    }),
  accepted_claims: distinct(z.enum(ACCEPTABLE_CLAIMS), ACCEPTABLE_CLAIMS.length, 'must name each claim once')
    .default([])
    .openapi({
      description:
        'Reserved claims that clients may set in the tokens for this resource server. Common verifiers obey these claims, so accept one only ' +
        'if the API does not trust it, or may trust every administrator of a client. Default: none.',
      example: ['groups'],
    }),
});
