import { createRoute, z } from '@hono/zod-openapi';
import { GRACE_MAX } from '../../constants.ts';
import { OWN_GRACE_MIN } from '../../oauth/constants.ts';
import { OAuthError } from '../../oauth/response/oauth-error.ts';
import { secretAuthentication, secretFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './error-responses.ts';
import { CLAIMS, CLIENT_ID, CLIENT_SECRET } from './examples.ts';

const RotationRequest = z
  .object({
    grace_seconds: z
      .int()
      .min(OWN_GRACE_MIN)
      .max(GRACE_MAX)
      .optional()
      .openapi({
        description: `After this many seconds, from ${OWN_GRACE_MIN} to ${GRACE_MAX}, such as \`86400\`, the old secret expires, or earlier if it already expires earlier. Without this field its expiry does not change.`,
      }),
    ...secretFields,
  })
  .openapi('SecretRotationRequest');

const RotatedSecret = z
  .object({
    client_id: z.string(),
    client_secret: z.string().openapi({ description: 'The new secret. It is not shown again.' }),
    secret_id: z.string(),
    client_secret_expires_at: z.literal(0).openapi({ description: 'The new secret does not expire.' }),
    previous_secret_expires_at: z.int().nullable().openapi({
      description: 'When the old secret expires, in seconds since the epoch. null if it works until it is deleted.',
    }),
  })
  .openapi('RotatedSecret');

export const secretRotation = createRoute({
  operationId: 'rotateOwnSecret',
  method: 'post',
  path: '/oauth2/rotate-secret',
  tags: ['OAuth'],
  summary: 'Rotate the secret of the client',
  description:
    'For a client whose `may_rotate_secret` is true. The new secret becomes the primary one, the previous one the secondary. Both authenticate until the secondary is deleted or its grace period ends. A client that lost the answer repeats the request one to fifteen minutes later: this replaces a secret that the client rotated to itself and has not used since. So use the new secret once before you store it.',
  security: secretAuthentication,
  request: { body: { required: false, content: { 'application/x-www-form-urlencoded': { schema: RotationRequest } } } },
  responses: {
    200: {
      description: 'The new secret.',
      content: {
        'application/json': {
          schema: RotatedSecret,
          example: {
            client_id: CLIENT_ID,
            client_secret: CLIENT_SECRET,
            secret_id: 'sec_7n42DGM5Tflk9n8mt7Fhc7',
            client_secret_expires_at: 0,
            previous_secret_expires_at: CLAIMS.iat + 86_400,
          },
        },
      },
    },
    400: errorAnswer('The request is malformed, or the client may not rotate its secret.', {
      invalid_request: new OAuthError('invalid_request'),
      unauthorized_client: new OAuthError('unauthorized_client', {
        description: 'The client may not rotate its secret.',
      }),
    }),
    409: errorAnswer(
      'The client already has two secrets, or was changed at the same time. If there is a `Retry-After`, try again.',
      {
        invalid_request: new OAuthError('invalid_request', {
          description: 'The client has two secrets already: an administrator must delete one first.',
        }),
      },
    ),
    ...formErrors,
  },
});
