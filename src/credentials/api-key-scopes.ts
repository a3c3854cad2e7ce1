/** The scopes that an API key can have in its organization. */
export const API_KEY_SCOPES = [
  'organizations:read',
  'api-keys:read',
  'api-keys:write',
  'resource-servers:read',
  'resource-servers:write',
  'roles:read',
  'roles:write',
  'clients:read',
  'clients:write',
  'tokens:introspect',
  'tokens:revoke',
  'audit:read',
  'webhooks:read',
  'webhooks:write',
  'portal-links:write',
] as const;

export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];
