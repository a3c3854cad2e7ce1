import { organizationAddress } from '../../api/organization.ts';
import type { Schema } from '../../api/types.ts';

/** Something that an administrator should look at, and where. */
export interface ToDo {
  readonly key: string;
  readonly text: string;
  readonly why: string;
  readonly href: string;
  readonly tone: 'warning' | 'bad' | 'neutral';
}

/** A client that has had no token for so long is probably not needed any more, in days. */
export const UNUSED_DAYS = 90;
/** So long before its end a credential is worth a look, in days. */
export const EXPIRING_DAYS = 30;
/** At most so many clients are asked for their secrets: each is a request of its own. */
export const CLIENTS_ASKED = 10;
/** At most so many clients of an organization are judged for the overview: each is a question to its gate. */
export const CLIENTS_JUDGED = 20;
/** A list names so many, and then says "or more". */
export const COUNTED = 50;

const DAY_MS = 86_400_000;

/** Returns a number of things in words, such as "50 or more clients". @param hasMore whether there are more than were counted */
export function countOf(count: number, noun: string, hasMore = false): string {
  return `${count.toLocaleString('en')}${hasMore ? ' or more' : ''} ${noun}${count === 1 && !hasMore ? '' : 's'}`;
}

/** Clients that nobody uses. */
export function unusedClients(organizationId: string, count: number, hasMore: boolean): ToDo[] {
  if (count === 0) return [];
  return [
    {
      key: 'unused-clients',
      text: `${countOf(count, 'client', hasMore)} unused for ${UNUSED_DAYS} days`,
      why: 'Disable what nobody uses: its credentials can still be stolen.',
      href: organizationAddress(organizationId, `/clients?unused_since=${UNUSED_DAYS}d&status=active`),
      tone: 'warning',
    },
  ];
}

/** Clients that end soon. */
export function expiringClients(organizationId: string, count: number, hasMore: boolean): ToDo[] {
  if (count === 0) return [];
  return [
    {
      key: 'expiring-clients',
      text: `${countOf(count, 'client', hasMore)} that ${count === 1 && !hasMore ? 'ends' : 'end'} within ${EXPIRING_DAYS} days`,
      why: 'After that they get no tokens. Extend those that are still needed.',
      href: organizationAddress(organizationId, `/clients?expires_before=${EXPIRING_DAYS}d&status=active`),
      tone: 'warning',
    },
  ];
}

export interface ClientSecrets {
  readonly clientId: string;
  readonly clientName: string;
  readonly secrets: readonly Schema<'Secret'>[];
}

/** Second secrets that can go, and secrets that end soon. @param now milliseconds since the epoch */
export function secretsToDo(organizationId: string, clients: readonly ClientSecrets[], now: number): ToDo[] {
  return clients.flatMap(({ clientId, clientName, secrets }): ToDo[] => {
    const address = organizationAddress(organizationId, `/clients/${encodeURIComponent(clientId)}`);
    const isSafe = secrets.some(({ safe_to_delete }) => safe_to_delete);
    const end = Math.min(
      ...secrets.map(({ expires_at }) => (expires_at ? Date.parse(expires_at) : Number.POSITIVE_INFINITY)),
    );
    const isExpiring = end > now && end <= now + EXPIRING_DAYS * DAY_MS;
    return [
      ...(isSafe
        ? [
            {
              key: `safe-${clientId}`,
              text: `The second secret of ${clientName} can be deleted`,
              why: 'Nobody uses it any more. Deleting it ends the rotation.',
              href: `${address}/rotate`,
              tone: 'neutral' as const,
            },
          ]
        : []),
      ...(isExpiring
        ? [
            {
              key: `expiring-${clientId}`,
              text: `A secret of ${clientName} ends on ${new Date(end).toISOString().slice(0, 10)}`,
              why: 'Rotate it before, or the client loses access.',
              href: `${address}#credentials`,
              tone: 'warning' as const,
            },
          ]
        : []),
    ];
  });
}

type Judged = Pick<Schema<'LeastPrivilege'>, 'client_id' | 'client_name' | 'scopes' | 'patch'>;

/** Rights that clients have and do not use. */
export function unusedRights(organizationId: string, judged: readonly Judged[]): ToDo[] {
  return judged.flatMap(({ client_id, client_name, scopes, patch }): ToDo[] => {
    const unused = scopes.filter(({ status }) => status === 'unused').length;
    if (unused === 0 || patch.grants === undefined) return [];
    return [
      {
        key: `rights-${client_id}`,
        text: `${client_name} does not use ${unused} of its ${countOf(scopes.length, 'scope')}`,
        why: 'A right that nobody uses only helps an attacker. Remove it.',
        href: organizationAddress(organizationId, `/clients/${encodeURIComponent(client_id)}#access`),
        tone: 'neutral',
      },
    ];
  });
}

type WebhookHealth = Pick<Schema<'Webhook'>, 'id' | 'name' | 'status' | 'disabled_reason' | 'failing_since'>;

/** Webhooks that do not arrive. @param organizationId undefined for those of the instance */
export function failingWebhooks(organizationId: string | undefined, webhooks: readonly WebhookHealth[]): ToDo[] {
  return webhooks
    .filter(({ failing_since, disabled_reason }) => failing_since !== null || disabled_reason !== null)
    .map(({ id, name, disabled_reason }) => ({
      key: `webhook-${id}`,
      text:
        disabled_reason === null
          ? `The webhook ${name} is failing`
          : `The webhook ${name} was disabled because it failed`,
      why: 'Its receiver misses events. See what it answered.',
      href: organizationId === undefined ? `/webhooks/${id}` : organizationAddress(organizationId, `/webhooks/${id}`),
      tone: 'bad' as const,
    }));
}

type KeyEnd = Pick<Schema<'ApiKey'>, 'id' | 'name' | 'expires_at'>;

/** API keys that end soon. @param now milliseconds since the epoch */
export function expiringApiKeys(organizationId: string, keys: readonly KeyEnd[], now: number): ToDo[] {
  return keys.flatMap(({ id, name, expires_at }): ToDo[] => {
    const end = expires_at ? Date.parse(expires_at) : Number.POSITIVE_INFINITY;
    if (end <= now || end > now + EXPIRING_DAYS * DAY_MS) return [];
    return [
      {
        key: `api-key-${id}`,
        text: `The API key ${name} ends on ${new Date(end).toISOString().slice(0, 10)}`,
        why: 'Rotate it before, or what uses it stops.',
        href: organizationAddress(organizationId, '/api-keys'),
        tone: 'warning',
      },
    ];
  });
}
