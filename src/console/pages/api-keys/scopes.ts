import type { Schema } from '../../api/types.ts';

type ApiKeyScope = Schema<'ApiKey'>['scopes'][number];

/** What each scope of an API key permits, in the order in which a form offers them. */
export const SCOPE_DESCRIPTIONS: Readonly<Record<ApiKeyScope, string>> = {
  'organizations:read': 'See the organization and its settings',
  'clients:read': 'See clients, their usage and why they are refused',
  'clients:write': 'Create, change and delete clients and their secrets',
  'resource-servers:read': 'See resource servers and their scopes',
  'resource-servers:write': 'Create, change and delete resource servers',
  'roles:read': 'See roles and what they grant',
  'roles:write': 'Create, change and delete roles',
  'tokens:introspect': 'Ask whether a token is active',
  'tokens:revoke': 'Revoke tokens, of one client or of the organization',
  'api-keys:read': 'See API keys and when they were used',
  'api-keys:write': 'Create, rotate and delete API keys, with no more rights than its own',
  'portal-links:write': 'Create links that open this console for your customers, with no more rights than its own',
  'webhooks:read': 'See webhooks and what was delivered',
  'webhooks:write': 'Create, change and delete webhooks, and send events again',
  'audit:read': 'See the audit log',
};

export const SCOPES = Object.keys(SCOPE_DESCRIPTIONS) as ApiKeyScope[];

export interface Preset {
  readonly value: string;
  readonly label: string;
  readonly description: string;
  readonly scopes: readonly ApiKeyScope[];
}

export const PRESETS: readonly Preset[] = [
  {
    value: 'read',
    label: 'Read only',
    description: 'Sees everything and changes nothing: for reports and monitoring',
    scopes: SCOPES.filter((scope) => scope.endsWith(':read')),
  },
  {
    value: 'clients',
    label: 'Clients only',
    description: 'Creates clients and rotates their secrets: for a deployment pipeline',
    scopes: ['clients:read', 'clients:write', 'resource-servers:read', 'roles:read'],
  },
  { value: 'all', label: 'Everything', description: 'All rights in this organization', scopes: SCOPES },
];

/** Returns the presets of which the holder of some scopes may grant everything. */
export function grantablePresets(own: readonly string[]): readonly Preset[] {
  return PRESETS.filter(({ scopes }) => scopes.every((scope) => own.includes(scope)));
}

/** Returns the preset with exactly these scopes, or `custom`. */
export function presetOf(scopes: readonly string[]): string {
  const found = PRESETS.find(
    (preset) => preset.scopes.length === scopes.length && preset.scopes.every((scope) => scopes.includes(scope)),
  );
  return found?.value ?? 'custom';
}
