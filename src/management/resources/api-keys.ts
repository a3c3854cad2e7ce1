import { z } from '@hono/zod-openapi';
import { GRACE_MAX } from '../../constants.ts';
import { type Administrator, isInstanceAdministrator } from '../../credentials/administrator.ts';
import { generateApiKey } from '../../credentials/api-key.ts';
import { earlierEnd } from '../../credentials/client-secret.ts';
import { secretHint } from '../../credentials/secret.ts';
import { hashSecret } from '../../credentials/secret-hash.ts';
import {
  endOf,
  findApiKeyById,
  insertApiKey,
  isApiKeyAt,
  listApiKeys,
  removeApiKeys,
  removeSecondary,
  rotateApiKey,
  type SecondaryValue,
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
import {
  API_KEY_SCOPES,
  type ApiKeyScope,
  QUERY_FIELD,
  requiredOrganization,
  requireScope,
  visible,
} from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_NAME, page, readCursor } from '../http/paging.ts';
import { invalid, invalidIn, ProblemError, pointer } from '../http/problem.ts';
import { createRouteFor, deleteRouteFor, getRouteFor, listRouteFor, None } from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';
import { safetyOf } from './secret-safety.ts';

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

const Secondary = z.object({
  hint: z.string().openapi({ description: 'The last four characters of the value.', example: 'x7Qe' }),
  expires_at: Time.nullable().openapi({ description: 'When it stops being accepted. Null if it has no end.' }),
  last_used_at: Time.nullable().openapi({
    description: 'When it was last used, accurate to the hour. Null if never.',
  }),
  safe_to_delete: z.boolean().openapi({ description: 'Whether deleting it breaks no running program.' }),
  reason: z.string().openapi({ description: 'Why it is or is not safe to delete, and when it will be.' }),
});

const Rotation = z
  .strictObject({
    grace_seconds: z
      .int()
      .min(0)
      .max(GRACE_MAX)
      .optional()
      .openapi({
        description: `How long the old value is still accepted, in seconds, at most ${GRACE_MAX}, and never longer than before. Default: until it is deleted.`,
      }),
    replace_secondary: z.boolean().default(false).openapi({
      description:
        'Whether to end a secondary value that is still accepted. Default: false, which makes the rotation fail with 409.',
    }),
    replace_primary: z.boolean().default(false).openapi({
      description:
        'Whether to end the primary value at once and keep the secondary one, for a primary value that was lost. Default: false.',
    }),
    expires_at: RequestTime.nullable()
      .optional()
      .openapi({ description: 'When the key stops working from now on. Default: when it did before.' }),
  })
  .openapi('ApiKeyRotation');

const NewApiKeyBody = Fields.extend({ organization_id: OwnerId }).openapi('NewApiKey');
const ApiKey = Fields.extend({
  id: z.string().openapi({ description: 'The id of the API key.', example: 'key_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId,
  hint: z.string().openapi({ description: 'The last four characters of the key.', example: 'x7Qe' }),
  created_at: CreatedAt,
  last_used_at: Time.nullable().openapi({
    description: 'When the key was last used, with either value, accurate to the hour. Null if never.',
  }),
  rotated_at: Time.nullable().openapi({ description: 'When it was last rotated. Null if never.' }),
  secondary: Secondary.nullable().openapi({
    description: 'The value that the last rotation replaced. Null if there is none.',
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

const rotateApiKeyRoute = createRouteFor(
  {
    path: `${itemPath}/rotate`,
    requires: 'any',
    tag,
    summary: 'Rotate an API key',
    description:
      'The key gets a new value and keeps its id, scopes and organization. The old value becomes the secondary one and is still accepted. A key can rotate itself; another key requires `api-keys:write`, all scopes of the rotated key, and an end that is no earlier.',
  },
  IdParams,
  Rotation,
  CreatedApiKey,
);
const deleteSecondaryRoute = deleteRouteFor(
  {
    path: `${itemPath}/secondary`,
    requires: 'any',
    tag,
    summary: 'Delete the secondary value of an API key',
    description:
      'Ends a rotation: only the primary value is accepted. A key can do this for itself; for another one it requires `api-keys:write`.',
  },
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
      body: { ...toResponse({ ...stored, ...NOT_ROTATED }, now), api_key: apiKey.reveal() },
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
    const now = Date.now();
    return context.json({ data: data.map((key) => toResponse(key, now)), next_cursor }, 200);
  });

  app.openapi(getApiKeyRoute, async (context) => {
    const { services, administrator } = context.var;
    const found = visible(administrator, await findApiKeyById(services.db, context.req.valid('param').id));
    context.header('ETag', etag(found.version));
    return context.json(toResponse(found, Date.now()), 200);
  });

  app.openapi(rotateApiKeyRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { id } = context.req.valid('param');
      const rotation = context.req.valid('json');
      requireSelfOrScope(administrator, id);
      const found = visible(administrator, await findApiKeyById(services.db, id));
      const now = Date.now();
      if (found.expiresAt !== null && found.expiresAt <= now) {
        throw new ProblemError('conflict', { detail: 'The API key has expired or was revoked. Create a new one.' });
      }
      const { expires_at } = rotation;
      const moved = expires_at === undefined || expires_at === null ? expires_at : Date.parse(expires_at);
      const expiresAt = moved === undefined ? found.expiresAt : moved;
      if (expiresAt !== null && expiresAt <= now) {
        throw invalid({ pointer: '/expires_at', detail: '`expires_at` must be in the future.' });
      }
      requireNoMoreThanOwn(administrator, found, expiresAt);
      const { secondary, replaced } = planRotation(administrator, found, rotation, now);
      const masterKeys = await services.masterKeys();
      const apiKey = await generateApiKey(masterKeys);
      const primary = { hash: await hashSecret(apiKey, masterKeys), hint: secretHint(apiKey.reveal()), expiresAt };
      const rotated = {
        ...found,
        ...primary,
        lastUsedAt: null,
        rotatedAt: now,
        secondaryHash: secondary.hash,
        secondaryHint: secondary.hint,
        secondaryExpiresAt: secondary.expiresAt,
        secondaryLastUsedAt: secondary.lastUsedAt,
      };
      return commit(context, {
        event: {
          at: now,
          organizationId: found.organizationId,
          action: 'api_key.rotated',
          target: id,
          changes: {
            hint: primary.hint,
            secondary: { hint: secondary.hint, expires_at: timeOrNull(secondary.expiresAt) },
            ...(replaced !== undefined && { replaced }),
            ...(expiresAt !== found.expiresAt && { expires_at: timeOrNull(expiresAt) }),
          },
        },
        guard: isApiKeyAt(found),
        statements: rotateApiKey(services.db, id, primary, secondary, now),
        status: 201,
        body: { ...toResponse(rotated, now), api_key: apiKey.reveal() },
        tagged: true,
      });
    }),
  );

  app.openapi(deleteSecondaryRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { id } = context.req.valid('param');
      requireSelfOrScope(administrator, id);
      const found = visible(administrator, await findApiKeyById(services.db, id));
      requireMatch(context, found.version);
      const { organizationId, secondaryHash, secondaryHint: hint } = found;
      if (secondaryHash === null) throw new ProblemError('not_found');
      return commit(context, {
        event: { at: Date.now(), organizationId, action: 'api_key.secondary_deleted', target: id, changes: { hint } },
        guard: isApiKeyAt(found),
        statements: removeSecondary(services.db, id),
        status: 204,
        body: null,
      });
    }),
  );

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

const NOT_ROTATED = {
  lastUsedAt: null,
  rotatedAt: null,
  secondaryHash: null,
  secondaryHint: null,
  secondaryExpiresAt: null,
  secondaryLastUsedAt: null,
};

function requireSelfOrScope(administrator: Administrator, id: string): void {
  // A session of a key has not presented it, and must not take it over: the new value would outlive the session.
  const hasPresented = isSelf(administrator, id) && !administrator.session;
  if (!hasPresented) requireScope(administrator, 'api-keys:write');
}

function isSelf(administrator: Administrator, id: string): boolean {
  return administrator.kind === 'api_key' && administrator.id === id;
}

/**
 * Plans which value stays accepted beside the new one. Times are milliseconds since the epoch.
 * @throws ProblemError `conflict` if another value would have to end that the request does not name
 */
function planRotation(
  administrator: Administrator,
  key: StoredApiKey,
  { grace_seconds, replace_primary, replace_secondary }: z.infer<typeof Rotation>,
  now: number,
): { readonly secondary: SecondaryValue; readonly replaced: string | undefined } {
  const secondaryEnd = endOf(key, 'secondary');
  const secondary =
    key.secondaryHash !== null && key.secondaryHint !== null && (secondaryEnd === null || secondaryEnd > now)
      ? { hash: key.secondaryHash, hint: key.secondaryHint, lastUsedAt: key.secondaryLastUsedAt }
      : undefined;
  const isOwnSecondary =
    isSelf(administrator, key.id) && administrator.kind === 'api_key' && administrator.rank === 'secondary';
  // The holder of the old value must not take the key from the holder of the new one.
  if (isOwnSecondary && (!replace_primary || key.lastUsedAt !== null)) {
    const detail =
      'This request has the secondary value of the key. Rotate with the primary one. If that was lost and never used, set `replace_primary`.';
    throw new ProblemError('conflict', { detail });
  }
  if (secondary && !replace_primary && !replace_secondary) {
    const detail = `The secondary value (…${secondary.hint}) is still accepted. Delete it when it is no longer used, or set \`replace_secondary\`. If the answer to the last rotation was lost, set \`replace_primary\`.`;
    throw new ProblemError('conflict', { detail });
  }
  const graceEnd = grace_seconds === undefined ? null : now + grace_seconds * 1000;
  if (secondary && !replace_secondary) {
    return { secondary: { ...secondary, expiresAt: earlierEnd(secondaryEnd, graceEnd) }, replaced: key.hint };
  }
  const { hash, hint, lastUsedAt, expiresAt } = key;
  const end = earlierEnd(expiresAt, replace_primary ? now : graceEnd);
  return { secondary: { hash, hint, lastUsedAt, expiresAt: end }, replaced: secondary?.hint };
}

/** @throws ProblemError `forbidden` if the rotated key may do more than the key of the request, or lives longer */
function requireNoMoreThanOwn(administrator: Administrator, key: StoredApiKey, expiresAt: number | null): void {
  if (isInstanceAdministrator(administrator)) return;
  const scope = key.scopes.find((one) => !administrator.scopes.includes(one));
  if (scope !== undefined) {
    const detail = `This API key cannot rotate a key with \`${scope}\`, because it does not have that scope itself.`;
    throw new ProblemError('forbidden', { detail });
  }
  // Its secondary value may end earlier, and still replaces a primary one that was lost.
  const latest = isSelf(administrator, key.id) ? key.expiresAt : administrator.expiresAt;
  if (latest !== null && (expiresAt === null || expiresAt > latest)) {
    throw new ProblemError('forbidden', { detail: 'An API key cannot rotate a key so that it expires after it.' });
  }
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
  if (isInstanceAdministrator(administrator)) return;
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

type ShownApiKey = Omit<StoredApiKey, 'version' | 'hash' | 'foldedName' | 'noticedEnd' | 'secondaryNoticedEnd'>;

function toResponse(key: ShownApiKey, now: number) {
  const { lastUsedAt, secondaryLastUsedAt } = key;
  const lastUse = Math.max(lastUsedAt ?? 0, secondaryLastUsedAt ?? 0);
  return {
    id: key.id,
    organization_id: key.organizationId,
    name: key.name,
    scopes: key.scopes as ApiKeyScope[],
    expires_at: timeOrNull(key.expiresAt),
    hint: key.hint,
    created_at: time(key.createdAt),
    last_used_at: timeOrNull(lastUse === 0 ? null : lastUse),
    rotated_at: timeOrNull(key.rotatedAt),
    secondary: secondaryOf(key, now),
  };
}

function secondaryOf(key: ShownApiKey, now: number) {
  if (key.secondaryHash === null || key.secondaryHint === null) return null;
  const expiresAt = endOf(key, 'secondary');
  const { secondaryLastUsedAt: lastUsedAt, createdAt, rotatedAt } = key;
  const value = { rank: 'secondary' as const, leakedAt: null, expiresAt, rotatedAt, createdAt };
  return {
    hint: key.secondaryHint,
    expires_at: timeOrNull(expiresAt),
    last_used_at: timeOrNull(lastUsedAt),
    ...safetyOf(value, lastUsedAt ?? undefined, now, 'value'),
  };
}
