import { z } from '@hono/zod-openapi';
import { type Administrator, generateApiKey } from '../../credentials/api-key.ts';
import { secretHint } from '../../credentials/secret.ts';
import { hashSecret } from '../../credentials/secret-hash.ts';
import {
  findApiKeyById,
  insertApiKey,
  isApiKeyAt,
  listApiKeys,
  type NewApiKey,
  removeApiKeys,
  type StoredApiKey,
} from '../../store/api-keys.ts';
import { generateId } from '../../store/id.ts';
import { listOf } from '../../store/sql.ts';
import {
  CreatedAt,
  IdParams,
  Name,
  OrganizationId,
  OrganizationQuery,
  OwnerId,
  RequestTime,
  Time,
  time,
  timeOrNull,
} from '../fields/schemas.ts';
import { API_KEY_SCOPES, type ApiKeyScope, QUERY_FIELD, requiredOrganization, visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_NAME, page, readCursor } from '../http/paging.ts';
import { invalid, invalidIn, pointer } from '../http/problem.ts';
import { createRouteFor, deleteRouteFor, getRouteFor, listRouteFor, None } from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';

const Fields = z.strictObject({
  name: Name.openapi({
    description: 'A name for people. It is unique in the organization.',
    example: 'Deployment pipeline',
  }),
  scopes: z.array(z.enum(API_KEY_SCOPES)).min(1).max(API_KEY_SCOPES.length).openapi({
    description: 'What the key may do in its organization.',
  }),
  expires_at: RequestTime.nullable()
    .default(null)
    .openapi({ description: 'When the key stops working. Default: null, which means never.' }),
});

const NewApiKeyBody = Fields.extend({ organization_id: OwnerId }).openapi('NewApiKey');
const ApiKey = Fields.extend({
  id: z.string().openapi({ description: 'The id of the API key.', example: 'key_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId,
  hint: z.string().openapi({ description: 'The last four characters of the key.', example: 'x7Qe' }),
  created_at: CreatedAt,
  last_used_at: Time.nullable().openapi({
    description: 'When the key was last used, accurate to the hour. Null if never.',
  }),
}).openapi('ApiKey');
// Spread, not extended: `extend` would become an `allOf` of two schemas that each forbid the fields of the other.
const CreatedApiKey = z
  .strictObject({
    ...ApiKey.shape,
    api_key: z.string().openapi({ description: 'The API key. It is shown only in this answer.' }),
  })
  .openapi('CreatedApiKey');

const tag = 'API keys';
const path = '/api-keys';
const itemPath = '/api-keys/{id}';

const createApiKeyRoute = createRouteFor(
  {
    path,
    requires: 'api-keys:write',
    tag,
    summary: 'Create an API key',
    description:
      'An API key can only create keys with scopes that it has itself, and that expire no later than itself.',
  },
  None,
  NewApiKeyBody,
  CreatedApiKey,
);
const listApiKeysRoute = listRouteFor(
  { path, requires: 'api-keys:read', tag, summary: 'List API keys' },
  None,
  OrganizationQuery,
  ApiKey,
);
const getApiKeyRoute = getRouteFor(
  { path: itemPath, requires: 'api-keys:read', tag, summary: 'Get an API key' },
  IdParams,
  ApiKey,
);
const deleteApiKeyRoute = deleteRouteFor(
  { path: itemPath, requires: 'api-keys:write', tag, summary: 'Delete an API key' },
  IdParams,
);

const NAME_TAKEN = {
  pointer: '/name',
  detail: 'Another API key of the organization has this name. Choose another name.',
};

/** Mounts `/api-keys` below `/v1`. */
export function apiKeys(app: ManagementApp): void {
  app.openapi(createApiKeyRoute, async (context) => {
    const { services, administrator } = context.var;
    const { organization_id, ...fields } = context.req.valid('json');
    const now = Date.now();
    const expiresAt = fields.expires_at === null ? null : Date.parse(fields.expires_at);
    requireWithinOwnLimits(administrator, fields.scopes, expiresAt, now);
    const organizationId = await requiredOrganization(services, administrator, organization_id);
    const masterKeys = await services.masterKeys();
    const apiKey = await generateApiKey(masterKeys);
    const stored = {
      id: generateId('key'),
      organizationId,
      name: fields.name,
      hash: await hashSecret(apiKey, masterKeys),
      hint: secretHint(apiKey.reveal()),
      scopes: fields.scopes,
      createdAt: now,
      expiresAt,
    };
    return commit(context, {
      event: { at: now, organizationId, action: 'api_key.created', target: stored.id, changes: fields },
      conflicts: { api_keys_name: NAME_TAKEN, api_keys_folded_name: NAME_TAKEN },
      statements: insertApiKey(services.db, stored),
      status: 201,
      body: { ...toResponse({ ...stored, lastUsedAt: null }), api_key: apiKey.reveal() },
      tagged: true,
    });
  });

  app.openapi(listApiKeysRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, organization_id } = context.req.valid('query');
    const organizationId = await requiredOrganization(services, administrator, organization_id, QUERY_FIELD);
    const [after] = readCursor(cursor, BY_NAME) ?? [];
    const found = await listApiKeys(services.db, { organizationId, after, limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ name }) => [name]);
    return context.json({ data: data.map(toResponse), next_cursor }, 200);
  });

  app.openapi(getApiKeyRoute, async (context) => {
    const { services, administrator } = context.var;
    const found = visible(administrator, await findApiKeyById(services.db, context.req.valid('param').id));
    context.header('ETag', etag(found.version));
    return context.json(toResponse(found), 200);
  });

  app.openapi(deleteApiKeyRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { id } = context.req.valid('param');
      const found = visible(administrator, await findApiKeyById(services.db, id));
      requireMatch(context, found.version);
      const { organizationId, name } = found;
      return commit(context, {
        event: { at: Date.now(), organizationId, action: 'api_key.deleted', target: id, changes: { name } },
        guard: isApiKeyAt(found),
        statements: removeApiKeys(services.db, listOf([id])),
        status: 204,
        body: null,
      });
    }),
  );
}

/** @throws ProblemError `invalid` if the new key expires in the past, or has a scope or lifetime that its creator does not have */
function requireWithinOwnLimits(
  administrator: Administrator,
  scopes: readonly ApiKeyScope[],
  expiresAt: number | null,
  now: number,
): void {
  if (expiresAt !== null && expiresAt <= now) {
    throw invalid({ pointer: '/expires_at', detail: '`expires_at` must be in the future.' });
  }
  if (administrator.kind === 'root') return;
  const errors = scopes.flatMap((scope, index) => {
    const detail = `This API key cannot grant \`${scope}\`, because it does not have that scope itself.`;
    return administrator.scopes.includes(scope) ? [] : [{ pointer: pointer('scopes', index), detail }];
  });
  if (errors.length > 0) throw invalidIn(errors);
  const latest = administrator.expiresAt;
  if (latest !== null && (expiresAt === null || expiresAt > latest)) {
    throw invalid({ pointer: '/expires_at', detail: 'An API key cannot create a key that expires after it.' });
  }
}

function toResponse(key: NewApiKey & Pick<StoredApiKey, 'lastUsedAt'>) {
  return {
    id: key.id,
    organization_id: key.organizationId,
    name: key.name,
    scopes: key.scopes as ApiKeyScope[],
    expires_at: timeOrNull(key.expiresAt),
    hint: key.hint,
    created_at: time(key.createdAt),
    last_used_at: timeOrNull(key.lastUsedAt),
  };
}
