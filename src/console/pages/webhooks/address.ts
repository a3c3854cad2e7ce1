import { organizationAddress } from '../../api/organization.ts';

/** Returns the address of the webhooks of an organization, or of the instance if it is undefined. @param id one webhook */
export function webhookAddress(organizationId: string | null | undefined, id?: string): string {
  const rest = id === undefined ? '/webhooks' : `/webhooks/${encodeURIComponent(id)}`;
  return organizationId ? organizationAddress(organizationId, rest) : rest;
}
