import { z } from '@hono/zod-openapi';
import { version } from '../../../package.json';
import { isInstanceAdministrator } from '../../credentials/administrator.ts';
import { earlierEnd } from '../../credentials/client-secret.ts';
import { findApiKeyById } from '../../store/api-keys.ts';
import { findOrganization } from '../../store/organizations.ts';
import { OrganizationId, Time, timeOrNull } from '../fields/schemas.ts';
import { API_KEY_SCOPES, type ApiKeyScope } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { readRouteFor } from '../http/routes.ts';

const Me = z
  .object({
    kind: z.enum(['root', 'api_key', 'person', 'portal']).openapi({
      description:
        '`root`: the root key, which may do everything. `api_key`: the API key of an organization. In a session of the console also `person`: somebody whom Cloudflare Access identified, and `portal`: a user of a portal link.',
    }),
    id: z.string().nullable().openapi({
      description: 'The id of the API key, or of the portal link. Null for the root key and for a person.',
      example: 'key_7n42DGM5Tflk9n8mt7Fhc7',
    }),
    name: z.string().nullable().openapi({
      description: 'The name of the API key or portal user, or the mail address of the person. Null for the root key.',
    }),
    organization: z
      .object({ id: OrganizationId, name: z.string().openapi({ description: 'Its name.', example: 'Acme' }) })
      .nullable()
      .openapi({ description: 'The organization. Null for the root key, and for a person who may do everything.' }),
    scopes: z.array(z.enum(API_KEY_SCOPES)).openapi({
      description:
        'What the key, person or portal user may do in the organization. The root key, and a person who may do everything, have all scopes.',
    }),
    rank: z.enum(['primary', 'secondary']).nullable().openapi({
      description:
        'Which of the values of the API key the request has. `secondary`: a rotation has replaced it. Null if it is no API key.',
    }),
    expires_at: Time.nullable().openapi({
      description:
        'When the key stops working, or its value in the request, or the session of the console if that is before. Null for never.',
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
    const { kind, session } = administrator;
    const endOfSession = session?.expiresAt ?? null;
    if (isInstanceAdministrator(administrator)) {
      const name = administrator.kind === 'person' ? administrator.name : null;
      const all = { kind, id: null, name, organization: null, scopes: [...API_KEY_SCOPES], rank: null };
      return context.json({ ...all, expires_at: timeOrNull(endOfSession), ...service }, 200);
    }
    const { organizationId, scopes } = administrator;
    const isKey = administrator.kind === 'api_key';
    const [key, organization] = await Promise.all([
      isKey ? findApiKeyById(services.db, administrator.id) : undefined,
      findOrganization(services.db, organizationId),
    ]);
    // They were deleted after the request was authenticated.
    if ((isKey && !key) || !organization) throw new ProblemError('unauthorized');
    const endOfKey = isKey ? administrator.expiresAt : null;
    return context.json(
      {
        kind,
        id: administrator.kind === 'person' ? null : administrator.id,
        name: administrator.kind === 'api_key' ? (key?.name ?? null) : administrator.name,
        organization: { id: organization.id, name: organization.name },
        scopes: scopes as ApiKeyScope[],
        rank: isKey ? administrator.rank : null,
        expires_at: timeOrNull(earlierEnd(endOfKey, endOfSession)),
        ...service,
      },
      200,
    );
  });
}
