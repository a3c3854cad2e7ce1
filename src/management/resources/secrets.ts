import { z } from '@hono/zod-openapi';
import { GRACE_MAX } from '../../constants.ts';
import { earlierEnd, isLive, liveSecret, makeClientSecret } from '../../credentials/client-secret.ts';
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
import { ClientIdParams, IdParams, Time, time, timeOrNull } from '../fields/schemas.ts';
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

const Secret = z
  .object({
    id: z.string().openapi({ example: 'sec_7n42DGM5Tflk9n8mt7Fhc7' }),
    rank: z.enum(['primary', 'secondary']),
    hint: z.string().openapi({ description: 'The last four characters of the secret.', example: 'x7Qe' }),
    created_at: Time,
    expires_at: Time.nullable(),
    leaked_at: Time.nullable().openapi({ description: 'When it was reported as leaked: it is dead since then.' }),
    last_used_at: Time.nullable().openapi({ description: 'To the hour.' }),
    safe_to_delete: z.boolean(),
    reason: z.string().openapi({ description: 'Why it is safe to delete, or from when on.' }),
  })
  .openapi('Secret');

const Rotation = z
  .strictObject({
    grace_seconds: z.int().min(0).max(GRACE_MAX).optional().openapi({
      description: 'After how many seconds the old secret stops by itself; else it goes on until deleted.',
    }),
    replace_secondary: z
      .boolean()
      .default(false)
      .openapi({ description: 'Whether a secondary secret that is still accepted is put an end to.' }),
  })
  .openapi('Rotation');

const CreatedSecret = Secret.extend({
  client_id: z.string(),
  client_secret: z.string().openapi({ description: 'Shown here, once.' }),
}).openapi('CreatedSecret');

const tag = 'Secrets';
const path = '/clients/{client_id}/secrets';
const OneSecret = ClientIdParams.extend(IdParams.shape);

const listRoute = listRouteFor(
  { path, requires: 'clients:read', tag, summary: 'List a client’s secrets' },
  ClientIdParams,
  {},
  Secret,
);
const rotateRoute = createRouteFor(
  {
    path: `${path}/rotate`,
    requires: 'clients:write',
    tag,
    summary: 'Rotate a client’s secret',
    description:
      'The new secret is the primary one, and the old one goes on as the secondary. At most two are accepted.',
  },
  ClientIdParams,
  Rotation,
  CreatedSecret,
);
const promoteRoute = actionRouteFor(
  {
    path: `${path}/{id}/promote`,
    requires: 'clients:write',
    tag,
    summary: 'Make the secondary secret the primary one again',
  },
  OneSecret,
  None,
  Secret,
);
const deleteSecretRoute = deleteRouteFor(
  {
    path: `${path}/{id}`,
    requires: 'clients:write',
    tag,
    summary: 'Delete a client’s secondary secret; its primary one as well where the client authenticates in other ways',
  },
  OneSecret,
);

/** Mounts `/clients/{client_id}/secrets` below `/v1`. */
export function secrets(app: ManagementApp): void {
  app.openapi(listRoute, async (context) => {
    const { services } = context.var;
    const { clientId } = await find(context);
    const [found, lastUsed] = await Promise.all([listSecrets(services.db, clientId), lastUses(services, clientId)]);
    const now = Date.now();
    return context.json({ data: found.map((secret) => toResponse(secret, lastUsed, now)), next_cursor: null }, 200);
  });

  app.openapi(rotateRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services } = context.var;
      const { grace_seconds, replace_secondary } = context.req.valid('json');
      const client = await find(context);
      if (!mayUseSecrets(client)) {
        const detail = 'The client does not authenticate with a secret: change token_endpoint_auth_method first.';
        throw new ProblemError('conflict', { detail });
      }
      const now = Date.now();
      const current = await listSecrets(services.db, client.clientId);
      const [primary, secondary] = [liveSecret(current, 'primary', now), liveSecret(current, 'secondary', now)];
      // Beside a primary one that is dead, the secondary is what the client lives on.
      const goesOn = secondary !== undefined && !replace_secondary;
      if (goesOn && primary) throw stillLive(secondary);
      const change = goesOn ? replacePrimary : rotateSecret;
      const { clientSecret, stored } = await makeClientSecret(client.clientId, await services.masterKeys(), now);
      const end = grace_seconds === undefined ? null : now + grace_seconds * 1000;
      const expiresAt = goesOn ? earlierEnd(secondary.expiresAt, end) : end;
      return commit(context, {
        ...changeOf(client, now, 'client.secret_rotated', {
          secret: stored.id,
          hint: stored.hint,
          ...(grace_seconds !== undefined && { grace_seconds }),
          ...(secondary && !goesOn && { replaced: secondary.id }),
        }),
        statements: [...change(services.db, stored, { now, expiresAt }), renewClient(services.db, client.clientId)],
        status: 201,
        body: {
          ...toResponse(stored, new Map(), now),
          client_id: client.clientId,
          client_secret: clientSecret.reveal(),
        },
        // The client's version: what its secrets are deleted under.
        tagged: true,
      });
    }),
  );

  app.openapi(promoteRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services } = context.var;
      const { id } = context.req.valid('param');
      const client = await find(context);
      const secret = await findSecret(services, client, id);
      const now = Date.now();
      if (secret.rank === 'primary') {
        // It may be a repeat, of a request whose push failed.
        await deliverOwedAbout(context, client.clientId);
        throw new ProblemError('conflict', { detail: 'It is the primary secret already.' });
      }
      if (!isLive(secret, now)) throw new ProblemError('conflict', { detail: 'It is no longer accepted: rotate.' });
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
      const client = await find(context);
      requireMatch(context, client.version);
      const secret = (await listSecrets(services.db, client.clientId)).find((one) => one.id === id);
      if (!secret) return answerMissing(context, client.clientId);
      if (secret.rank === 'primary' && mayUseSecrets(client)) {
        const detail = 'It is the primary secret: rotate, or promote the other one, and then delete it.';
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

/** The client that the path names. @throws ProblemError `not_found`; StoreUnavailableError */
async function find({ req, var: { services, administrator } }: ManagementContext): Promise<Client> {
  return visible(administrator, await findClientRow(services.db, req.param('client_id') ?? ''));
}

function mayUseSecrets({ tokenEndpointAuthMethod, additionalAuthMethods }: Client): boolean {
  return usesSecrets([tokenEndpointAuthMethod, ...additionalAuthMethods]);
}

async function findSecret({ db }: ManagementServices, { clientId }: Client, id: string): Promise<StoredSecret> {
  const found = (await listSecrets(db, clientId)).find((secret) => secret.id === id);
  if (!found) throw new ProblemError('not_found');
  return found;
}

function changeOf(client: Client, at: number, action: string, changes: Record<string, unknown>) {
  const { clientId, organizationId } = client;
  return {
    event: { at, organizationId, action, target: clientId, changes },
    guard: isClientAt(client),
    affectedClients: listOf([clientId]),
  };
}

function stillLive({ id, hint }: StoredSecret): ProblemError {
  const detail = `The secondary secret ${id} (…${hint}) is still accepted. Delete it once nobody uses it, or say replace_secondary. If the answer of the last rotation was lost, promote it back and delete the other.`;
  return new ProblemError('conflict', { detail });
}

/** When each secret of a client was last used, by its id. */
async function lastUses(services: ManagementServices, clientId: string): Promise<ReadonlyMap<string, number>> {
  const { secrets } = await activityOf(services, clientId);
  return new Map(secrets.map(({ id, last_used_at }) => [id, last_used_at]));
}

function toResponse(secret: StoredSecret, lastUsed: ReadonlyMap<string, number>, now: number) {
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
