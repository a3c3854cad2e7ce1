import type { Administrator } from '../credentials/api-key.ts';
import type { Services } from '../services.ts';
import { organizationExists } from '../store/organizations.ts';
import { invalid, ProblemError } from './problem.ts';

/** What an API key may be allowed to do in its organization. */
export const API_KEY_SCOPES = [
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
] as const;

export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];

/** @throws ProblemError `forbidden` for any key but the root key */
export function requireRoot(administrator: Administrator): void {
  if (administrator.kind !== 'root') throw new ProblemError('forbidden', { detail: 'This takes the root key.' });
}

/** @throws ProblemError `forbidden` for a key without the scope; the root key has them all */
export function requireScope(administrator: Administrator, scope: ApiKeyScope): void {
  if (administrator.kind === 'root' || administrator.scopes.includes(scope)) return;
  throw new ProblemError('forbidden', { detail: `This takes an API key with the scope ${scope}.` });
}

/**
 * The organization that a create is for: the API key's own, or the one that the root key's holder names.
 * @returns null where the root key's holder names none: what is created is shared by all organizations
 * @throws ProblemError `not_found` for an organization that is not the key's, or is not there
 */
export async function targetOrganization(
  { db }: Pick<Services, 'db'>,
  administrator: Administrator,
  named: string | undefined,
): Promise<string | null> {
  const notFound = () =>
    new ProblemError('not_found', {
      errors: [{ pointer: '/organization_id', detail: 'There is no such organization.' }],
    });
  if (administrator.kind === 'api_key') {
    if (named !== undefined && named !== administrator.organizationId) throw notFound();
    return administrator.organizationId;
  }
  if (named === undefined) return null;
  if (!(await organizationExists(db, named))) throw notFound();
  return named;
}

/** As `targetOrganization`, for what is always an organization's own. */
export async function requiredOrganization(
  services: Pick<Services, 'db'>,
  administrator: Administrator,
  named: string | undefined,
): Promise<string> {
  const organization = await targetOrganization(services, administrator, named);
  if (organization === null) {
    throw invalid({
      pointer: '/organization_id',
      detail: 'With the root key, name the organization that this is for.',
    });
  }
  return organization;
}

/** The actor that audit events name. */
export function actorOf(administrator: Administrator): string {
  return administrator.kind === 'root' ? 'root' : administrator.id;
}
