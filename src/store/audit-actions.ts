/**
 * The actions of audit events. They are the event types of webhooks as well, so they are part of the API: never rename one. A new action
 * also needs a line in docs/webhooks.md.
 */
export const AUDIT_ACTIONS = [
  'api_key.created',
  'api_key.deleted',
  'api_key.leaked',
  'api_key.rotated',
  'api_key.secondary_deleted',
  'client.attempts_throttled',
  'client.created',
  'client.deleted',
  'client.secret_deleted',
  'client.secret_leaked',
  'client.secret_promoted',
  'client.secret_rotated',
  'client.tokens_revoked',
  'client.updated',
  'master_key.resealed',
  'organization.created',
  'organization.deleted',
  'organization.tokens_revoked',
  'organization.updated',
  'resource_server.created',
  'resource_server.deleted',
  'resource_server.identifier_collides',
  'resource_server.updated',
  'role.created',
  'role.deleted',
  'role.updated',
  'signing_keys.revoked',
  'signing_keys.rotated',
  'token.revoked',
  'webhook.created',
  'webhook.deleted',
  'webhook.disabled',
  'webhook.redelivered',
  'webhook.secret_rotated',
  'webhook.tested',
  'webhook.updated',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];
