import { isInstanceAdministrator } from '../credentials/administrator.ts';
import { API_KEY_SCOPES } from '../credentials/api-key-scopes.ts';
import type { Session } from './authenticate.ts';

/** Returns the representation of a session. */
export function toResponse({ found, administrator }: Session) {
  const isInstance = isInstanceAdministrator(administrator);
  const { kind } = administrator;
  const { organizationId, organization, apiKey, name, returnUrl, expiresAt } = found;
  return {
    id: found.id,
    kind,
    name: kind === 'api_key' ? (apiKey?.name ?? null) : name,
    organization: organizationId === null ? null : { id: organizationId, name: organization?.name ?? '' },
    scopes: isInstance ? API_KEY_SCOPES : administrator.scopes,
    is_instance_admin: isInstance,
    expires_at: new Date(expiresAt).toISOString(),
    return_url: returnUrl,
  };
}
