import { z } from '@hono/zod-openapi';
import { GRACE_MAX } from '../../constants.ts';
import { type Administrator, isInstanceAdministrator } from '../../credentials/administrator.ts';
import { WEBHOOK_DELIVERY_AGE, WEBHOOKS_PER_OWNER } from '../../store/constants.ts';
import { generateId } from '../../store/id.ts';
import { type Delivery, findDelivery, listDeliveries, queueDelivery } from '../../store/webhook-deliveries.ts';
import {
  countWebhooks,
  findWebhook,
  hasRoomForWebhook,
  insertWebhook,
  isWebhookAt,
  listWebhooks,
  removeWebhook,
  replaceWebhookSecrets,
  type StoredWebhook,
  updateWebhook,
} from '../../store/webhooks.ts';
import { payloadOf } from '../../webhooks/payload.ts';
import { addWebhookSecret } from '../../webhooks/secret.ts';
import { ID_LENGTH_MAX, WEBHOOK_GRACE_DEFAULT } from '../constants.ts';
import { applyPatch, changedFields } from '../fields/apply-patch.ts';
import { patchOf } from '../fields/patch-schema.ts';
import {
  CreatedAt,
  IdParams,
  OrganizationId,
  OrganizationQuery,
  Time,
  time,
  timeOrNull,
  UpdatedAt,
} from '../fields/schemas.ts';
import { text } from '../fields/text.ts';
import { WebhookFields } from '../fields/webhook-fields.ts';
import { QUERY_FIELD, targetOrganization } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { BY_NAME, BY_TIME_AND_ID, page, readCursor } from '../http/paging.ts';
import { ProblemError } from '../http/problem.ts';
import {
  actionRouteFor,
  createRouteFor,
  deleteRouteFor,
  getRouteFor,
  listRouteFor,
  None,
  updateRouteFor,
} from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';

const SigningSecret = z.object({
  hint: z
    .string()
    .openapi({ description: 'The last four characters of the secret, without its padding.', example: 'x7Qe' }),
  created_at: CreatedAt,
  expires_at: Time.nullable().openapi({ description: 'When it stops signing. Null if it has no end.' }),
});

/** The fields of a webhook that change by themselves. */
const LiveFields = z.strictObject({
  signing_secrets: z.array(SigningSecret).openapi({
    description:
      'The secrets that sign now, the newest first. After a rotation there are two, and each request has a signature of both.',
  }),
  disabled_reason: z.enum(['failing', 'gone']).nullable().openapi({
    description:
      'Why the service disabled it: no event arrived for days, or the receiver answered 410. Null if the service did not.',
  }),
  failing_since: Time.nullable().openapi({
    description: 'When the first attempt failed since the last that succeeded. Null if the last one succeeded.',
  }),
});

const NewWebhookBody = WebhookFields.extend({
  organization_id: OrganizationId.optional().openapi({
    description:
      'The organization whose events are sent. With the root key, a webhook without one gets the events of the whole instance. An API key may only name its own organization.',
  }),
}).openapi('NewWebhook');
const Webhook = WebhookFields.extend({
  id: z.string().openapi({ description: 'The id of the webhook.', example: 'wh_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId.nullable().openapi({
    description: 'The organization whose events are sent. Null for those of the whole instance.',
  }),
  ...LiveFields.shape,
  created_at: CreatedAt,
  updated_at: UpdatedAt,
}).openapi('Webhook');
const WebhookPatch = patchOf(WebhookFields, Webhook).openapi('WebhookPatch');
// Spread, not extended: `extend` would become an `allOf` of two schemas that each forbid the fields of the other.
const CreatedWebhook = z
  .strictObject({
    ...Webhook.shape,
    signing_secret: z.string().openapi({
      description:
        'The secret that verifies the signatures, in the form that libraries of Standard Webhooks take. It is shown only in this answer.',
    }),
  })
  .openapi('CreatedWebhook');

const Rotation = z
  .strictObject({
    grace_seconds: z
      .int()
      .min(0)
      .max(GRACE_MAX)
      .default(WEBHOOK_GRACE_DEFAULT)
      .openapi({
        description: `How long the old secret still signs as well, in seconds, at most ${GRACE_MAX}. Default: ${WEBHOOK_GRACE_DEFAULT}.`,
      }),
    replace_previous: z.boolean().default(false).openapi({
      description:
        'Whether to end an older secret that still signs. Default: false, which makes the rotation fail with 409.',
    }),
  })
  .openapi('WebhookSecretRotation');

const DeliveryStatus = z.enum(['pending', 'delivered', 'failed']);
const WebhookDelivery = z
  .object({
    event_id: z.string().openapi({
      description: 'The id of the event, which every attempt has in its header `webhook-id`.',
      example: 'evt_7n42DGM5Tflk9n8mt7Fhc7',
    }),
    event: z.string().openapi({ description: 'The type of the event.', example: 'client.updated' }),
    status: DeliveryStatus.openapi({
      description:
        '`pending`: it is sent, or sent again. `delivered`: the receiver answered 2xx. `failed`: it was given up.',
    }),
    attempts: z.int().openapi({ description: 'How often it was sent.', example: 1 }),
    created_at: CreatedAt,
    next_attempt_at: Time.nullable().openapi({ description: 'When it is sent next, at the earliest. Null if never.' }),
    last_attempt_at: Time.nullable().openapi({ description: 'When it was last sent. Null if never.' }),
    last_status: z.int().nullable().openapi({
      description: 'The HTTP status of the last answer. Null if there was none.',
      example: 204,
    }),
    last_fault: z.enum(['status', 'redirect', 'deadline', 'network', 'address', 'event_purged']).nullable().openapi({
      description:
        'Why the last attempt failed: another status than 2xx, a redirect, no answer in time, no connection, a URL that is not allowed any more, or an event that is not kept any more. Null if it did not fail.',
    }),
  })
  .openapi('WebhookDelivery');
const WebhookDeliveryWithPayload = z
  .object({
    ...WebhookDelivery.shape,
    payload: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({
        type: ['object', 'null'],
        description: 'The body that is sent. Null if the event is not kept any more.',
      }),
  })
  .openapi('WebhookDeliveryWithPayload');

const DeliveryParams = IdParams.extend({
  event_id: text({ min: 1, max: ID_LENGTH_MAX }).openapi({ example: 'evt_0oWlXrD56moKdtYq7gqL6e' }),
});

const tag = 'Webhooks';
const path = '/webhooks';
const itemPath = '/webhooks/{id}';
const deliveriesPath = `${itemPath}/deliveries` as const;
const deliveryPath = `${deliveriesPath}/{event_id}` as const;

const createWebhookRoute = createRouteFor(
  {
    path,
    requires: 'webhooks:write',
    tag,
    summary: 'Create a webhook',
    description: `Sends events to a URL, signed as Standard Webhooks says. An organization can have ${WEBHOOKS_PER_OWNER} webhooks, and the instance as many.`,
  },
  None,
  NewWebhookBody,
  CreatedWebhook,
);
const listWebhooksRoute = listRouteFor(
  {
    path,
    requires: 'webhooks:read',
    tag,
    summary: 'List webhooks',
    description: 'With the root key and no `organization_id`, lists those of the instance.',
  },
  None,
  OrganizationQuery,
  Webhook,
);
const getWebhookRoute = getRouteFor(
  { path: itemPath, requires: 'webhooks:read', tag, summary: 'Get a webhook' },
  IdParams,
  Webhook,
);
const updateWebhookRoute = updateRouteFor(
  {
    path: itemPath,
    requires: 'webhooks:write',
    tag,
    summary: 'Update a webhook',
    description: 'A new `url` or `status` makes a new start: what is pending is sent at once.',
  },
  IdParams,
  WebhookPatch,
  Webhook,
);
const deleteWebhookRoute = deleteRouteFor(
  { path: itemPath, requires: 'webhooks:write', tag, summary: 'Delete a webhook' },
  IdParams,
);
const rotateWebhookSecretRoute = createRouteFor(
  {
    path: `${itemPath}/rotate-secret`,
    requires: 'webhooks:write',
    tag,
    summary: 'Rotate a webhook’s signing secret',
    description: 'Until the grace period ends, each request has a signature of the new secret and one of the old.',
  },
  IdParams,
  Rotation,
  CreatedWebhook,
);
const testWebhookRoute = actionRouteFor(
  {
    path: `${itemPath}/test`,
    requires: 'webhooks:write',
    tag,
    summary: 'Send a test event to a webhook',
    description:
      'Sends it an event `webhook.tested`, even if its `events` do not name that type. Get the delivery to see how it went.',
  },
  IdParams,
  None,
  WebhookDelivery,
);
const listDeliveriesRoute = listRouteFor(
  {
    path: deliveriesPath,
    requires: 'webhooks:read',
    tag,
    summary: 'List the deliveries of a webhook',
    description: `Newest first. Deliveries are kept for ${WEBHOOK_DELIVERY_AGE / 86_400} days.`,
  },
  IdParams,
  { status: DeliveryStatus.optional().openapi({ description: 'Only deliveries with this status.' }) },
  WebhookDelivery,
);
const getDeliveryRoute = getRouteFor(
  { path: deliveryPath, requires: 'webhooks:read', tag, summary: 'Get a delivery with its payload' },
  DeliveryParams,
  WebhookDeliveryWithPayload,
);
const redeliverRoute = actionRouteFor(
  {
    path: `${deliveryPath}/redeliver`,
    requires: 'webhooks:write',
    tag,
    summary: 'Send an event to a webhook again',
    description: 'Sends it at once, and if that fails as often as a new event.',
  },
  DeliveryParams,
  None,
  WebhookDelivery,
);

const NAME_TAKEN = { pointer: '/name', detail: 'Another webhook has this name. Choose another name.' };
const NAME_CONFLICTS = {
  webhooks_name: NAME_TAKEN,
  webhooks_folded_name: NAME_TAKEN,
  webhooks_instance_name: NAME_TAKEN,
  webhooks_instance_folded_name: NAME_TAKEN,
};

/** Mounts `/webhooks` below `/v1`. */
export function webhooks(app: ManagementApp): void {
  app.openapi(createWebhookRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { organization_id, ...fields } = context.req.valid('json');
      const organizationId = await targetOrganization(services, administrator, organization_id);
      if ((await countWebhooks(services.db, organizationId)) >= WEBHOOKS_PER_OWNER) throw tooManyWebhooks();
      const now = Date.now();
      const { secret, stored } = await addWebhookSecret(undefined, now, await services.masterKeys(), now);
      const webhook = { id: generateId('wh'), organizationId, ...fields, ...stored, createdAt: now, updatedAt: now };
      return commit(context, {
        event: { at: now, organizationId, action: 'webhook.created', target: webhook.id, changes: fields },
        guard: hasRoomForWebhook(organizationId),
        conflicts: NAME_CONFLICTS,
        statements: insertWebhook(services.db, webhook),
        status: 201,
        body: { ...toResponse(webhook, now), signing_secret: secret },
        tagged: true,
      });
    }),
  );

  app.openapi(listWebhooksRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, organization_id } = context.req.valid('query');
    const organizationId = await targetOrganization(services, administrator, organization_id, QUERY_FIELD);
    const [after] = readCursor(cursor, BY_NAME) ?? [];
    const found = await listWebhooks(services.db, { organizationId, after, limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ name }) => [name]);
    const now = Date.now();
    return context.json({ data: data.map((webhook) => toResponse(webhook, now)), next_cursor }, 200);
  });

  app.openapi(getWebhookRoute, async (context) => {
    const found = await findVisibleWebhook(context);
    context.header('ETag', etag(found.version));
    return context.json(toResponse(found, Date.now()), 200);
  });

  app.openapi(updateWebhookRoute, (context) =>
    retryOnStaleWrite(async () => {
      const found = await findVisibleWebhook(context);
      requireMatch(context, found.version);
      const now = Date.now();
      const before = toResponse(found, now);
      const fields = applyPatch(WebhookFields, before, context.req.valid('json'), LiveFields);
      const isRestarted = fields.url !== found.url || fields.status !== found.status;
      const updated = { ...found, ...fields, ...(isRestarted && RESTARTED), updatedAt: now };
      const { id, organizationId } = found;
      const answer = await commit(context, {
        event: {
          at: now,
          organizationId,
          action: 'webhook.updated',
          target: id,
          changes: changedFields(before, fields),
        },
        guard: isWebhookAt(found),
        conflicts: NAME_CONFLICTS,
        statements: updateWebhook(context.var.services.db, found, fields, now),
        status: 200,
        body: toResponse(updated, now),
        tagged: true,
      });
      if (isRestarted) context.var.services.webhooks.sendSoon([id]);
      return answer;
    }),
  );

  app.openapi(deleteWebhookRoute, (context) =>
    retryOnStaleWrite(async () => {
      const found = await findVisibleWebhook(context);
      requireMatch(context, found.version);
      const { id, organizationId, name } = found;
      return commit(context, {
        event: { at: Date.now(), organizationId, action: 'webhook.deleted', target: id, changes: { name } },
        guard: isWebhookAt(found),
        statements: removeWebhook(context.var.services.db, id),
        status: 204,
        body: null,
      });
    }),
  );

  app.openapi(rotateWebhookSecretRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services } = context.var;
      const { grace_seconds, replace_previous } = context.req.valid('json');
      const found = await findVisibleWebhook(context);
      const now = Date.now();
      const [, previous] = liveSecrets(found, now);
      if (previous && !replace_previous) throw previousStillSigns(previous.hint);
      const graceEnd = now + grace_seconds * 1000;
      const { secret, stored } = await addWebhookSecret(found, graceEnd, await services.masterKeys(), now);
      const { id, organizationId } = found;
      const hint = stored.secrets[0]?.hint;
      return commit(context, {
        event: {
          at: now,
          organizationId,
          action: 'webhook.secret_rotated',
          target: id,
          changes: { hint, grace_seconds, ...(previous && { replaced: previous.hint }) },
        },
        guard: isWebhookAt(found),
        statements: replaceWebhookSecrets(services.db, id, stored, now),
        status: 201,
        body: { ...toResponse({ ...found, ...stored, updatedAt: now }, now), signing_secret: secret },
        tagged: true,
      });
    }),
  );

  app.openapi(testWebhookRoute, (context) =>
    retryOnStaleWrite(async () => {
      const found = await findActiveWebhook(context);
      const eventId = generateId('evt');
      const { id, organizationId, name } = found;
      const now = Date.now();
      const answer = await commit(context, {
        event: { id: eventId, at: now, organizationId, action: 'webhook.tested', target: id, changes: { name } },
        guard: isWebhookAt(found),
        statements: queueDelivery(context.var.services.db, id, eventId, 'webhook.tested', now),
        status: 200,
        body: toDelivery(queued(id, eventId, 'webhook.tested', now)),
      });
      context.var.services.webhooks.sendSoon([id]);
      return answer;
    }),
  );

  app.openapi(listDeliveriesRoute, async (context) => {
    const { id } = await findVisibleWebhook(context);
    const { limit, cursor, status } = context.req.valid('query');
    const [at, last] = readCursor(cursor, BY_TIME_AND_ID) ?? [];
    const after = at === undefined || last === undefined ? undefined : { at, id: last };
    const { db } = context.var.services;
    const found = await listDeliveries(db, { webhookId: id, status }, { after, limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ createdAt, eventId }) => [createdAt, eventId]);
    return context.json({ data: data.map(toDelivery), next_cursor }, 200);
  });

  app.openapi(getDeliveryRoute, async (context) => {
    const { id } = await findVisibleWebhook(context);
    const { delivery, event } = await findVisibleDelivery(context, id);
    return context.json({ ...toDelivery(delivery), payload: event ? { ...payloadOf(event) } : null }, 200);
  });

  app.openapi(redeliverRoute, (context) =>
    retryOnStaleWrite(async () => {
      const found = await findActiveWebhook(context);
      const { id, organizationId } = found;
      const { delivery, event } = await findVisibleDelivery(context, id);
      if (!event) throw new ProblemError('conflict', { detail: 'The event is not kept any more.' });
      const { eventId } = delivery;
      const now = Date.now();
      const answer = await commit(context, {
        event: { at: now, organizationId, action: 'webhook.redelivered', target: id, changes: { event_id: eventId } },
        guard: isWebhookAt(found),
        statements: queueDelivery(context.var.services.db, id, eventId, delivery.event, now),
        status: 200,
        body: toDelivery({ ...delivery, status: 'pending', dueAt: now }),
      });
      context.var.services.webhooks.sendSoon([id]);
      return answer;
    }),
  );
}

const RESTARTED = { failingSince: null, disabledReason: null };

/** Returns the webhook that the path names. @throws ProblemError `not_found`; StoreUnavailableError */
async function findVisibleWebhook({
  req,
  var: { services, administrator },
}: ManagementContext): Promise<StoredWebhook> {
  const found = await findWebhook(services.db, req.param('id') ?? '');
  if (!found || !isTheirs(administrator, found)) throw new ProblemError('not_found');
  return found;
}

// Unlike a shared resource, a webhook of the instance concerns no organization.
function isTheirs(administrator: Administrator, { organizationId }: StoredWebhook): boolean {
  return isInstanceAdministrator(administrator) || administrator.organizationId === organizationId;
}

/** @throws also ProblemError `conflict` if the webhook is disabled */
async function findActiveWebhook(context: ManagementContext): Promise<StoredWebhook> {
  const found = await findVisibleWebhook(context);
  if (found.status === 'active') return found;
  throw new ProblemError('conflict', { detail: 'The webhook is disabled. Set its `status` to `active` first.' });
}

async function findVisibleDelivery({ req, var: { services } }: ManagementContext, webhookId: string) {
  const found = await findDelivery(services.db, webhookId, req.param('event_id') ?? '');
  if (!found) throw new ProblemError('not_found');
  return found;
}

function tooManyWebhooks(): ProblemError {
  const detail = `There are ${WEBHOOKS_PER_OWNER} webhooks already. Delete one first.`;
  return new ProblemError('conflict', { detail });
}

function previousStillSigns(hint: string): ProblemError {
  const detail = `The older secret (…${hint}) still signs. Wait until it expires, or set \`replace_previous\`.`;
  return new ProblemError('conflict', { detail });
}

function queued(webhookId: string, eventId: string, event: string, now: number): Delivery {
  const times = { dueAt: now, createdAt: now, queuedAt: now, lastAttemptAt: null };
  return { webhookId, eventId, event, status: 'pending', attempts: 0, ...times, lastStatus: null, lastFault: null };
}

function liveSecrets({ secrets }: Pick<StoredWebhook, 'secrets'>, now: number): StoredWebhook['secrets'] {
  return secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
}

type Shown = Pick<
  StoredWebhook,
  'id' | 'organizationId' | 'name' | 'description' | 'url' | 'events' | 'status' | 'secrets' | 'createdAt' | 'updatedAt'
> &
  Partial<Pick<StoredWebhook, 'disabledReason' | 'failingSince'>>;

function toResponse(webhook: Shown, now: number) {
  const { id, organizationId, name, description, url, events, status } = webhook;
  return {
    id,
    organization_id: organizationId,
    name,
    description,
    url,
    events: events as z.infer<typeof WebhookFields>['events'],
    status,
    signing_secrets: liveSecrets(webhook, now).map(({ hint, createdAt, expiresAt }) => ({
      hint,
      created_at: time(createdAt),
      expires_at: timeOrNull(expiresAt),
    })),
    disabled_reason: webhook.disabledReason ?? null,
    failing_since: timeOrNull(webhook.failingSince),
    created_at: time(webhook.createdAt),
    updated_at: time(webhook.updatedAt),
  };
}

function toDelivery({
  eventId,
  event,
  status,
  attempts,
  createdAt,
  dueAt,
  lastAttemptAt,
  lastStatus,
  lastFault,
}: Delivery): z.infer<typeof WebhookDelivery> {
  return {
    event_id: eventId,
    event,
    status,
    attempts,
    created_at: time(createdAt),
    next_attempt_at: timeOrNull(dueAt),
    last_attempt_at: timeOrNull(lastAttemptAt),
    last_status: lastStatus,
    last_fault: lastFault as z.infer<typeof WebhookDelivery>['last_fault'],
  };
}
