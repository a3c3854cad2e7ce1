import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { generateApiKey } from '../credentials/api-key.ts';
import { secretHint } from '../credentials/secret.ts';
import { hashSecret } from '../credentials/secret-hash.ts';
import { insertApiKey } from '../store/api-keys.ts';
import { generateId } from '../store/id.ts';
import { API_KEY_SCOPES, requiredOrganization, requireScope } from './authorization.ts';
import { create, createRouteFor, type ManagementEnv } from './create.ts';
import { invalid, pointer } from './problem.ts';
import { Name, OrganizationId, Time, time } from './schemas.ts';

const Fields = z.strictObject({
  name: Name.openapi({ example: 'Deployment pipeline' }),
  scopes: z.array(z.enum(API_KEY_SCOPES)).min(1).max(API_KEY_SCOPES.length),
  expires_at: Time.nullable().default(null),
});

const NewApiKey = Fields.extend({ organization_id: OrganizationId.optional() }).openapi('NewApiKey');
const ApiKey = Fields.extend({
  id: z.string().openapi({ example: 'key_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId,
  hint: z.string().openapi({ description: 'The last four characters of the key.', example: 'x7Qe' }),
  created_at: Time,
}).openapi('ApiKey');
const CreatedApiKey = ApiKey.extend({
  api_key: z.string().openapi({ description: 'Shown here, once.' }),
}).openapi('CreatedApiKey');

const createApiKey = createRouteFor('/api-keys', 'API keys', 'Create an API key', NewApiKey, CreatedApiKey);

/** Mounts `/api-keys` below `/v1`. */
export function apiKeys(app: OpenAPIHono<ManagementEnv>): void {
  app.openapi(createApiKey, async (context) => {
    const { services, administrator } = context.var;
    requireScope(administrator, 'api-keys:write');
    const { organization_id, ...fields } = context.req.valid('json');
    // No key makes a stronger one.
    fields.scopes.forEach((scope, index) => {
      if (administrator.kind === 'root' || administrator.scopes.includes(scope)) return;
      throw invalid({
        pointer: pointer('scopes', index),
        detail: 'An API key can give only scopes that it has itself.',
      });
    });
    const now = Date.now();
    const expiresAt = fields.expires_at === null ? null : Date.parse(fields.expires_at);
    if (expiresAt !== null && expiresAt <= now) {
      throw invalid({ pointer: '/expires_at', detail: 'This must lie in the future.' });
    }
    const latest = administrator.kind === 'root' ? null : administrator.expiresAt;
    if (latest !== null && (expiresAt === null || expiresAt > latest)) {
      throw invalid({ pointer: '/expires_at', detail: 'An API key cannot give one that outlives itself.' });
    }
    const organizationId = await requiredOrganization(services, administrator, organization_id);
    const id = generateId('key');
    const masterKeys = await services.masterKeys();
    const apiKey = await generateApiKey(masterKeys);
    const shown = { id, organization_id: organizationId, ...fields, hint: secretHint(apiKey), created_at: time(now) };
    const stored = {
      id,
      organizationId,
      name: fields.name,
      hash: await hashSecret(apiKey, masterKeys),
      hint: shown.hint,
      scopes: fields.scopes,
      createdAt: now,
      expiresAt,
    };
    await create(context, now, {
      organizationId,
      action: 'api_key.created',
      target: id,
      changes: fields,
      conflicts: { api_keys_name: { pointer: '/name', detail: 'Another API key of the organization has this name.' } },
      statements: insertApiKey(services.db, stored),
    });
    return context.json({ ...shown, api_key: apiKey }, 201);
  });
}
