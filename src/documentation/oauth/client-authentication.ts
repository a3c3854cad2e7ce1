import { z } from '@hono/zod-openapi';
import { JWT_BEARER, JWT_SPIFFE } from '../../oauth/client-authentication/assertion.ts';
import { CLIENT_ID } from './examples.ts';

/**
 * A client authenticates with HTTP Basic, by its certificate, or by fields of the form alone: so one header is one way, and none at all
 * another. OpenAPI knows no scheme for an assertion in a form.
 */
export const clientAuthentication: Record<string, string[]>[] = [{ client_secret_basic: [] }, { mutual_tls: [] }, {}];

/** Of what takes a secret. */
export const secretAuthentication: Record<string, string[]>[] = [{ client_secret_basic: [] }, {}];

const client_secret = z
  .string()
  .optional()
  .openapi({ description: 'With `client_id`, in place of HTTP Basic: `client_secret_post`.' });

/** The fields of `client_secret_post`. */
export const secretFields = {
  client_id: z.string().optional().openapi({ description: 'With `client_secret`, in place of HTTP Basic.' }),
  client_secret,
};

/** The fields by which a client can authenticate. */
export const clientFields = {
  client_id: z
    .string()
    .optional()
    .openapi({
      description: `Such as \`${CLIENT_ID}\`: with \`client_secret\`, with the token of another issuer as \`client_assertion\`, or alone, where the certificate of the connection is what authenticates (RFC 8705).`,
    }),
  client_secret,
  client_assertion_type: z
    .enum([JWT_BEARER, JWT_SPIFFE])
    .optional()
    .openapi({ description: 'What `client_assertion` is: a JWT (RFC 7523), or the JWT-SVID of a workload.' }),
  client_assertion: z.string().optional().openapi({
    description:
      'A JWT that the client signed with its own key (`private_key_jwt`): `iss` and `sub` are its `client_id`, `aud` is the issuer of this service, `exp` is at most five minutes off, and `jti` is used once. Or the token of an issuer that the client trusts (`federated_jwt`), with `client_id` beside it.',
  }),
};
