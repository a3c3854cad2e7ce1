import { z } from '@hono/zod-openapi';
import { CALLER_AGE } from '../../constants.ts';
import { SIGNING_ALGS } from '../../jwt/signing-algs.ts';
import { SCOPES_MAX } from '../constants.ts';
import { AccessTokenTtl, Description, Name, ResourceIdentifier, ScopeName } from './schemas.ts';

const Scope = z.strictObject({ name: ScopeName, description: Description }).openapi('Scope');

export const Identifier = ResourceIdentifier.openapi({
  description: 'The audience of the tokens: an absolute URI without fragment. It can never change.',
});

/** What can be said of a resource server, at its creation and later; its identifier at its creation alone. */
export const ResourceServerFields = z.strictObject({
  name: Name.openapi({ example: 'Orders API' }),
  scopes: z
    .array(Scope)
    .max(SCOPES_MAX)
    .refine((scopes) => new Set(scopes.map(({ name }) => name)).size === scopes.length, 'must name each scope once')
    .default([]),
  access_token_ttl: AccessTokenTtl.openapi({ description: 'Seconds, for clients that name none.' }),
  signing_alg: z.enum(SIGNING_ALGS).default('ES256'),
  introspection: z
    .enum(['strong', 'edge'])
    .default('strong')
    .openapi({
      description:
        'How introspection checks for revocation. `strong` asks the client’s gate: a revocation is seen at once. `edge` reads the nearest copy: ' +
        `cheaper, and a revocation may show a minute or more later. A change of this shows within ${CALLER_AGE} seconds.`,
    }),
});
