import { organizationAddress } from '../../api/organization.ts';
import type { Schema } from '../../api/types.ts';
import { countOf } from './count-of.ts';

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
/** So many secrets of a kind, and the rights of so many clients, are looked at at once: each is a question to a gate. */
export const SECRETS_ASKED = 10;
export const CLIENTS_JUDGED = 20;
/** A list names so many, and then says "or more". */
export const COUNTED = 50;

const DAY_MS = 86_400_000;

/** Clients that nobody uses. */
export function unusedClients(organizationId: string, count: number, hasMore: boolean): ToDo[] {
  if (count === 0 && !hasMore) return [];
  return [
    {
      key: 'unused-clients',
      text: `${countOf(count, 'client', hasMore)} unused for ${UNUSED_DAYS} days`,
      why: 'Disable what nobody uses: its credentials can still be stolen.',
      href: organizationAddress(
        organizationId,
        `/clients?unused_since=${UNUSED_DAYS}d&status=active&sort=last_used_at`,
      ),
      tone: 'warning',
    },
  ];
}

/** Clients that end soon. */
export function expiringClients(organizationId: string, count: number, hasMore: boolean): ToDo[] {
  if (count === 0 && !hasMore) return [];
  return [
    {
      key: 'expiring-clients',
      text: `${countOf(count, 'client', hasMore)} that ${count === 1 && !hasMore ? 'ends' : 'end'} within ${EXPIRING_DAYS} days, or ended`,
      why: 'They get no tokens after that. Extend those that are needed, and disable the others.',
      href: organizationAddress(organizationId, `/clients?expires_before=${EXPIRING_DAYS}d&status=active`),
      tone: 'warning',
    },
  ];
}

type ClientSecret = Pick<Schema<'OrganizationSecret'>, 'id' | 'client_id' | 'client_name' | 'expires_at'>;

const clientAddress = (organizationId: string, clientId: string, rest: string) =>
  organizationAddress(organizationId, `/clients/${encodeURIComponent(clientId)}${rest}`);

/** Secrets that end soon. */
export function endingSecrets(organizationId: string, secrets: readonly ClientSecret[]): ToDo[] {
  return secrets.map(({ id, client_id, client_name, expires_at }) => ({
    key: `ends-${id}`,
    text: `A secret of ${client_name} ends on ${expires_at?.slice(0, 10)}`,
    why: 'Rotate it before, or the client loses access.',
    href: clientAddress(organizationId, client_id, '#credentials'),
    tone: 'warning',
  }));
}

/** Second secrets that can go. */
export function unusedSecrets(organizationId: string, secrets: readonly ClientSecret[]): ToDo[] {
  return secrets.map(({ id, client_id, client_name }) => ({
    key: `safe-${id}`,
    text: `The second secret of ${client_name} can be deleted`,
    why: 'Nobody uses it any more. Deleting it ends the rotation.',
    href: clientAddress(organizationId, client_id, '/rotate'),
    tone: 'neutral',
  }));
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
        href: clientAddress(organizationId, client_id, '#access'),
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
