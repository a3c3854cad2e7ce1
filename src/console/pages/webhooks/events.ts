/** The types of events that a webhook can name, by subject, with what they tell. */
export const EVENT_GROUPS: readonly { readonly label: string; readonly events: Readonly<Record<string, string>> }[] = [
  {
    label: 'Clients',
    events: {
      'client.created': 'A client was created',
      'client.updated': 'A client was changed',
      'client.deleted': 'A client was deleted',
      'client.unused': 'A client was not used for the days of the policy',
      'client.expiring': 'A client ends within 14 days',
      'client.attempts_throttled': 'Somebody tries to guess a client’s secret, and is held back',
      'client.tokens_revoked': 'All tokens of a client were revoked',
      'token.revoked': 'One token was revoked by an administrator',
      'quota.warning': '80 % or 100 % of a quota of tokens was issued',
    },
  },
  {
    label: 'Secrets',
    events: {
      'client.secret_rotated': 'A client got a new secret',
      'client.secret_promoted': 'A rotation was undone',
      'client.secret_deleted': 'A client’s secret was deleted',
      'client.secret_leaked': 'A client’s secret was reported as leaked, and is not accepted any more',
      'secret.expiring': 'A client’s secret ends within 7 days',
      'secret.unused_secondary': 'An old secret was not used for 8 days and can probably be deleted',
    },
  },
  {
    label: 'API keys',
    events: {
      'api_key.created': 'An API key was created',
      'api_key.rotated': 'An API key got a new value',
      'api_key.secondary_deleted': 'The old value of an API key was deleted',
      'api_key.deleted': 'An API key was deleted',
      'api_key.leaked': 'An API key was reported as leaked, and does not work any more',
      'api_key.expiring': 'An API key ends within 14 days',
    },
  },
  {
    label: 'Resource servers and roles',
    events: {
      'resource_server.created': 'A resource server was created',
      'resource_server.updated': 'A resource server was changed',
      'resource_server.deleted': 'A resource server was deleted',
      'resource_server.identifier_collides': 'An identifier means the same as another one',
      'role.created': 'A role was created',
      'role.updated': 'A role was changed',
      'role.deleted': 'A role was deleted',
    },
  },
  {
    label: 'Organizations',
    events: {
      'organization.created': 'An organization was created',
      'organization.updated': 'An organization was changed',
      'organization.deleted': 'An organization was deleted',
      'organization.tokens_revoked': 'All tokens of an organization’s clients were revoked',
    },
  },
  {
    label: 'Console',
    events: {
      'session.created': 'Somebody signed in to the console',
      'session.ended': 'Somebody signed out of the console',
      'console_link.created': 'A key made a link to the console',
      'portal_link.created': 'A portal link was made for a user',
    },
  },
  {
    label: 'Instance',
    events: { 'instance.restored': 'The instance was restored from a backup' },
  },
  {
    label: 'Signing and master keys',
    events: {
      'signing_keys.rotated': 'The signing keys were rotated',
      'signing_keys.revoked': 'Signing keys were revoked in an emergency',
      'signing_key.rotated': 'A signing key signs from now on',
      'master_key.resealed': 'Stored values were sealed under another master key',
    },
  },
  {
    label: 'Webhooks',
    events: {
      'webhook.created': 'A webhook was created',
      'webhook.updated': 'A webhook was changed',
      'webhook.deleted': 'A webhook was deleted',
      'webhook.disabled': 'The service disabled a webhook because it failed for days',
      'webhook.secret_rotated': 'A webhook got a new signing secret',
      'webhook.redelivered': 'An event was sent again',
      'webhook.tested': 'A test event was sent',
    },
  },
];

/** Returns what an event tells; undefined for a type of a newer version. */
export function describeEvent(type: string): string | undefined {
  return EVENT_GROUPS.find(({ events }) => Object.hasOwn(events, type))?.events[type];
}

/** The types that call for somebody to act. */
export const URGENT_EVENTS: readonly string[] = [
  'api_key.expiring',
  'api_key.leaked',
  'client.attempts_throttled',
  'client.expiring',
  'client.secret_leaked',
  'client.unused',
  'quota.warning',
  'secret.expiring',
  'webhook.disabled',
];
