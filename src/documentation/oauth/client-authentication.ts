import { z } from '@hono/zod-openapi';
import { JWT_BEARER, JWT_SPIFFE } from '../../oauth/client-authentication/assertion.ts';
import { CLIENT_ID } from './examples.ts';

/**
 * The ways to authenticate a client: HTTP Basic, its certificate, or only fields of the form. The last one is the empty scheme, since
 * OpenAPI has none for an assertion in a form.
 */
export const clientAuthentication: Record<string, string[]>[] = [{ client_secret_basic: [] }, { mutual_tls: [] }, {}];

/** The ways to authenticate with a secret. */
export const secretAuthentication: Record<string, string[]>[] = [{ client_secret_basic: [] }, {}];

const client_secret = z
  .string()
  .optional()
  .openapi({ description: 'With `client_id`, instead of HTTP Basic: the method `client_secret_post`.' });

/** The fields of `client_secret_post`. */
export const secretFields = {
  client_id: z.string().optional().openapi({ description: 'With `client_secret`, instead of HTTP Basic.' }),
  client_secret,
};

/** The form fields for client authentication. */
export const clientFields = {
  client_id: z
    .string()
    .optional()
    .openapi({
      description: `The id of the client, such as \`${CLIENT_ID}\`. Required with \`client_secret\`, and if the certificate of the connection authenticates the client (RFC 8705). With the token of another issuer as \`client_assertion\` it may be left out if exactly one client trusts that token.`,
    }),
  client_secret,
  client_assertion_type: z
    .enum([JWT_BEARER, JWT_SPIFFE])
    .optional()
    .openapi({ description: 'The type of `client_assertion`: a JWT (RFC 7523), or the JWT-SVID of a workload.' }),
  client_assertion: z.string().optional().openapi({
    description:
      'A JWT that the client signed with its own key (`private_key_jwt`): `iss` and `sub` are its `client_id`, `aud` is the issuer of this service, `exp` is at most five minutes ahead, and each `jti` is accepted once. The client may have other limits (`assertion_audience`, `assertion_lifetime_max`). Or the token of an issuer that the client trusts (`federated_jwt`).',
  }),
};
