import { z } from '@hono/zod-openapi';
import { version } from '../../../package.json';
import { findApiKeyById } from '../../store/api-keys.ts';
import { findOrganization } from '../../store/organizations.ts';
import { OrganizationId, Time, timeOrNull } from '../fields/schemas.ts';
import { API_KEY_SCOPES, type ApiKeyScope } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { readRouteFor } from '../http/routes.ts';

const Me = z
  .object({
    kind: z.enum(['root', 'api_key']).openapi({
      description:
        '`root`: the key is the root key, which may do everything. `api_key`: the API key of an organization.',
    }),
    id: z.string().nullable().openapi({
      description: 'The id of the API key. Null for the root key.',
      example: 'key_7n42DGM5Tflk9n8mt7Fhc7',
    }),
    name: z.string().nullable().openapi({ description: 'The name of the API key. Null for the root key.' }),
    organization: z
      .object({ id: OrganizationId, name: z.string().openapi({ description: 'Its name.', example: 'Acme' }) })
      .nullable()
      .openapi({ description: 'The organization of the API key. Null for the root key.' }),
    scopes: z
      .array(z.enum(API_KEY_SCOPES))
      .openapi({ description: 'What the key may do in its organization. The root key has all scopes.' }),
    rank: z.enum(['primary', 'secondary']).nullable().openapi({
      description:
        'Which of the values of the API key the request has. `secondary`: a rotation has replaced it. Null for the root key.',
    }),
    expires_at: Time.nullable().openapi({
      description: 'When the key stops working, or its value in the request if that is before. Null for never.',
    }),
    issuer: z
      .string()
      .openapi({ description: 'The issuer, as in the claim `iss` of tokens.', example: 'https://auth.example.com' }),
    version: z.string().openapi({ description: 'The version of the service.', example: '1.2.3' }),
  })
  .openapi('Me');

const getMeRoute = readRouteFor(
  {
    path: '/me',
    requires: 'any',
    tag: 'API keys',
    summary: 'Get the key of the request',
    description: 'What the key of this request is and may do, and which service it belongs to.',
  },
  Me,
);

/** Mounts `/me` below `/v1`. */
export function me(app: ManagementApp): void {
  app.openapi(getMeRoute, async (context) => {
    const { services, administrator } = context.var;
    const service = { issuer: services.config.issuer, version };
    if (administrator.kind === 'root') {
      const key = { kind: 'root' as const, id: null, name: null, organization: null, rank: null, expires_at: null };
      return context.json({ ...key, scopes: [...API_KEY_SCOPES], ...service }, 200);
    }
    const [key, organization] = await Promise.all([
      findApiKeyById(services.db, administrator.id),
      findOrganization(services.db, administrator.organizationId),
    ]);
    // They were deleted after the request was authenticated.
    if (!key || !organization) throw new ProblemError('unauthorized');
    return context.json(
      {
        kind: 'api_key' as const,
        id: key.id,
        name: key.name,
        organization: { id: organization.id, name: organization.name },
        scopes: key.scopes as ApiKeyScope[],
        rank: administrator.rank,
        expires_at: timeOrNull(administrator.expiresAt),
        ...service,
      },
      200,
    );
  });
}
