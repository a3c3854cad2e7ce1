import { z } from '@hono/zod-openapi';
import { GRACE_MAX } from '../../constants.ts';
import { earlierEnd, isLive, liveSecret, makeClientSecret } from '../../credentials/client-secret.ts';
import type { AuditAction } from '../../store/audit-actions.ts';
import { usesSecrets } from '../../store/client-authentication.ts';
import { type Client, findClientRow, isClientAt } from '../../store/clients.ts';
import { renewClient } from '../../store/renewals.ts';
import {
  deleteSecret,
  listSecrets,
  promoteSecret,
  replacePrimary,
  rotateSecret,
  type StoredSecret,
} from '../../store/secrets.ts';
import { listOf } from '../../store/sql.ts';
import { ClientIdParams, CreatedAt, IdParams, Time, time, timeOrNull } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { actionRouteFor, createRouteFor, deleteRouteFor, listRouteFor, None } from '../http/routes.ts';
import type { ManagementServices } from '../services.ts';
import { commit } from '../write/commit.ts';
import { answerMissing, deliverOwedAbout } from '../write/delivery.ts';
import { requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';
import { activityOf } from './activity.ts';
import { safetyOf } from './secret-safety.ts';

export const Secret = z
  .object({
    id: z.string().openapi({ description: 'The id of the secret.', example: 'sec_7n42DGM5Tflk9n8mt7Fhc7' }),
    rank: z.enum(['primary', 'secondary']).openapi({
      description: 'Both are accepted. A rotation makes the primary secret the secondary one.',
    }),
    hint: z.string().openapi({ description: 'The last four characters of the secret.', example: 'x7Qe' }),
    created_at: CreatedAt,
    expires_at: Time.nullable().openapi({ description: 'When it stops being accepted. Null if it has no end.' }),
    leaked_at: Time.nullable().openapi({ description: 'When it was reported as leaked. It is refused since then.' }),
    last_used_at: Time.nullable().openapi({
      description: 'When it was last used, accurate to the hour. Null if never.',
    }),
    safe_to_delete: z.boolean().openapi({ description: 'Whether deleting it breaks no running client.' }),
    reason: z.string().openapi({ description: 'Why it is or is not safe to delete, and when it will be.' }),
  })
  .openapi('Secret');

const Rotation = z
  .strictObject({
    grace_seconds: z
      .int()
      .min(0)
      .max(GRACE_MAX)
      .optional()
      .openapi({
        description: `How long the old secret is still accepted, in seconds, at most ${GRACE_MAX}. Default: until it is deleted.`,
      }),
    replace_secondary: z.boolean().default(false).openapi({
      description:
        'Whether to delete a secondary secret that is still accepted. Default: false, which makes the rotation fail with 409.',
    }),
  })
  .openapi('Rotation');

const CreatedSecret = Secret.extend({
  client_id: z.string().openapi({ description: 'The client that the secret belongs to.' }),
  client_secret: z.string().openapi({ description: 'The new secret. It is shown only in this answer.' }),
}).openapi('CreatedSecret');

const tag = 'Secrets';
const path = '/clients/{client_id}/secrets';
const SecretParams = ClientIdParams.extend(IdParams.shape);

const listSecretsRoute = listRouteFor(
  { path, requires: 'clients:read', tag, summary: 'List a client’s secrets' },
  ClientIdParams,
  {},
  Secret,
);
const rotateSecretRoute = createRouteFor(
  {
    path: `${path}/rotate`,
    requires: 'clients:write',
    tag,
    summary: 'Rotate a client’s secret',
    description:
      'The new secret becomes the primary one. The old one becomes the secondary one and is still accepted. A client has at most two secrets.',
  },
  ClientIdParams,
  Rotation,
  CreatedSecret,
);
const promoteSecretRoute = actionRouteFor(
  {
    path: `${path}/{id}/promote`,
    requires: 'clients:write',
    tag,
    summary: 'Make the secondary secret the primary one again',
  },
  SecretParams,
  None,
  Secret,
);
const deleteSecretRoute = deleteRouteFor(
  {
    path: `${path}/{id}`,
    requires: 'clients:write',
    tag,
    summary: 'Delete a client’s secret',
    description:
      'Deletes the secondary secret. The primary secret can be deleted only if the client does not authenticate with a secret.',
  },
  SecretParams,
);

/** Mounts `/clients/{client_id}/secrets` below `/v1`. */
export function secrets(app: ManagementApp): void {
  app.openapi(listSecretsRoute, async (context) => {
    const { services } = context.var;
    const { clientId } = await findVisibleClient(context);
    const [found, lastUsed] = await Promise.all([listSecrets(services.db, clientId), lastUses(services, clientId)]);
    const now = Date.now();
    return context.json({ data: found.map((secret) => toResponse(secret, lastUsed, now)), next_cursor: null }, 200);
  });

  app.openapi(rotateSecretRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services } = context.var;
      const { grace_seconds, replace_secondary } = context.req.valid('json');
      const client = await findVisibleClient(context);
      if (!usesSecret(client)) {
        const detail = 'The client does not authenticate with a secret. Change `token_endpoint_auth_method` first.';
        throw new ProblemError('conflict', { detail });
      }
      const now = Date.now();
      const current = await listSecrets(services.db, client.clientId);
      const [primary, secondary] = [liveSecret(current, 'primary', now), liveSecret(current, 'secondary', now)];
      // If the primary secret is no longer accepted, the client depends on the secondary one.
      const keepsSecondary = secondary !== undefined && !replace_secondary;
      if (keepsSecondary && primary) throw secondaryStillAccepted(secondary);
      const replace = keepsSecondary ? replacePrimary : rotateSecret;
      const { clientSecret, stored } = await makeClientSecret(client.clientId, await services.masterKeys(), now);
      const end = grace_seconds === undefined ? null : now + grace_seconds * 1000;
      const expiresAt = keepsSecondary ? earlierEnd(secondary.expiresAt, end) : end;
      return commit(context, {
        ...changeOf(client, now, 'client.secret_rotated', {
          secret: stored.id,
          hint: stored.hint,
          ...(grace_seconds !== undefined && { grace_seconds }),
          ...(secondary && !keepsSecondary && { replaced: secondary.id }),
        }),
        statements: [...replace(services.db, stored, { now, expiresAt }), renewClient(services.db, client.clientId)],
        status: 201,
        body: {
          ...toResponse(stored, new Map(), now),
          client_id: client.clientId,
          client_secret: clientSecret.reveal(),
        },
        // The entity tag is the client's version, which the deletion of a secret matches against.
        tagged: true,
      });
    }),
  );

  app.openapi(promoteSecretRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services } = context.var;
      const { id } = context.req.valid('param');
      const client = await findVisibleClient(context);
      const secret = await findSecret(services, client, id);
      const now = Date.now();
      if (secret.rank === 'primary') {
        // The request may be a retry of one whose push failed.
        await deliverOwedAbout(context, client.clientId);
        throw new ProblemError('conflict', { detail: 'It is already the primary secret.' });
      }
      if (!isLive(secret, now))
        throw new ProblemError('conflict', {
          detail: 'The secret is no longer accepted and cannot be promoted. Rotate instead.',
        });
      const lastUsed = await lastUses(services, client.clientId);
      return commit(context, {
        ...changeOf(client, now, 'client.secret_promoted', { secret: id, hint: secret.hint }),
        statements: [
          ...promoteSecret(services.db, client.clientId, id, now),
          renewClient(services.db, client.clientId),
        ],
        status: 200,
        body: toResponse({ ...secret, rank: 'primary', rotatedAt: null, expiresAt: null }, lastUsed, now),
      });
    }),
  );

  app.openapi(deleteSecretRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services } = context.var;
      const { id } = context.req.valid('param');
      const client = await findVisibleClient(context);
      requireMatch(context, client.version);
      const secret = (await listSecrets(services.db, client.clientId)).find((candidate) => candidate.id === id);
      if (!secret) return answerMissing(context, client.clientId);
      if (secret.rank === 'primary' && usesSecret(client)) {
        const detail = 'The primary secret cannot be deleted. Rotate or promote the other secret first.';
        throw new ProblemError('conflict', { detail });
      }
      return commit(context, {
        ...changeOf(client, Date.now(), 'client.secret_deleted', { secret: id, hint: secret.hint }),
        statements: [deleteSecret(services.db, id), renewClient(services.db, client.clientId)],
        status: 204,
        body: null,
      });
    }),
  );
}

/** Returns the client that the path names. @throws ProblemError `not_found`; StoreUnavailableError */
async function findVisibleClient({ req, var: { services, administrator } }: ManagementContext): Promise<Client> {
  return visible(administrator, await findClientRow(services.db, req.param('client_id') ?? ''));
}

function usesSecret({ tokenEndpointAuthMethod, additionalAuthMethods }: Client): boolean {
  return usesSecrets([tokenEndpointAuthMethod, ...additionalAuthMethods]);
}

async function findSecret({ db }: ManagementServices, { clientId }: Client, id: string): Promise<StoredSecret> {
  const found = (await listSecrets(db, clientId)).find((secret) => secret.id === id);
  if (!found) throw new ProblemError('not_found');
  return found;
}

function changeOf(client: Client, at: number, action: AuditAction, changes: Record<string, unknown>) {
  const { clientId, organizationId } = client;
  return {
    event: { at, organizationId, action, target: clientId, changes },
    guard: isClientAt(client),
    affectedClients: listOf([clientId]),
  };
}

function secondaryStillAccepted({ id, hint }: StoredSecret): ProblemError {
  const detail = `The secondary secret ${id} (…${hint}) is still accepted. Delete it when it is no longer used, or set \`replace_secondary\`. If the answer to the last rotation was lost, promote it and delete the other secret.`;
  return new ProblemError('conflict', { detail });
}

/** Returns when each secret of a client was last used, by its id, in milliseconds since the epoch. @throws StoreUnavailableError */
async function lastUses(services: ManagementServices, clientId: string): Promise<ReadonlyMap<string, number>> {
  const { secrets } = await activityOf(services, clientId);
  return new Map(secrets.map(({ id, last_used_at }) => [id, last_used_at]));
}

/** Shows a secret. @param lastUsed when secrets were last used, by their ids, in milliseconds since the epoch */
export function toResponse(secret: StoredSecret, lastUsed: ReadonlyMap<string, number>, now: number) {
  return {
    id: secret.id,
    rank: secret.rank,
    hint: secret.hint,
    created_at: time(secret.createdAt),
    expires_at: timeOrNull(secret.expiresAt),
    leaked_at: timeOrNull(secret.leakedAt),
    last_used_at: timeOrNull(lastUsed.get(secret.id)),
    ...safetyOf(secret, lastUsed.get(secret.id), now),
  };
}
