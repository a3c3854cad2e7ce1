import { createMiddleware } from 'hono/factory';
import { type Administrator, isInstanceAdministrator } from '../../credentials/administrator.ts';
import { API_KEY_SCOPES, type ApiKeyScope } from '../../credentials/api-key-scopes.ts';
import { personActor, portalActor, ROOT } from '../../store/actors.ts';
import { organizationExists } from '../../store/organizations.ts';
import type { ManagementServices } from '../services.ts';
import type { ManagementEnv } from './context.ts';
import { invalid, ProblemError } from './problem.ts';

export { API_KEY_SCOPES, type ApiKeyScope };

/** The key that a route requires: an API key with this scope, any API key, or the root key. The root key may do everything. */
export type RequiredKey = ApiKeyScope | 'any' | 'root';

/** Returns middleware that rejects requests whose key lacks the permission. */
export function allow(requires: RequiredKey) {
  return createMiddleware<ManagementEnv>(async (context, next) => {
    requireScope(context.var.administrator, requires);
    await next();
  });
}

/** @throws ProblemError `forbidden` */
export function requireScope(administrator: Administrator, requires: RequiredKey): void {
  if (isInstanceAdministrator(administrator) || requires === 'any') return;
  if (requires === 'root') throw new ProblemError('forbidden', { detail: 'This requires the root key.' });
  if (hasScope(administrator, requires)) return;
  throw new ProblemError('forbidden', { detail: `This requires an API key with the scope ${requires}.` });
}

/** Whether the administrator's key has a scope. The root key has every scope. */
export function hasScope(administrator: Administrator, scope: ApiKeyScope): boolean {
  return isInstanceAdministrator(administrator) || administrator.scopes.includes(scope);
}

interface Owned {
  /** null if all organizations share the resource. */
  readonly organizationId: string | null;
}

/**
 * Returns a resource if the administrator may see it: one of the administrator's organization, or a shared one.
 * @throws ProblemError `not_found` if it does not exist or belongs to another organization
 */
export function visible<T extends Owned>(administrator: Administrator, found: T | undefined): T {
  if (!found || (found.organizationId !== null && !sees(administrator, found.organizationId))) {
    throw new ProblemError('not_found');
  }
  return found;
}

/**
 * Returns a resource if the administrator may change it: one of the administrator's organization, or any with the root key.
 * @throws ProblemError `not_found` as `visible` does; `forbidden` if the resource is shared and the key is not the root key
 */
export function changeable<T extends Owned>(administrator: Administrator, found: T | undefined): T {
  const resource = visible(administrator, found);
  if (resource.organizationId === null && !isInstanceAdministrator(administrator)) {
    const detail = 'All organizations share this resource. Changing it requires the root key.';
    throw new ProblemError('forbidden', { detail });
  }
  return resource;
}

/** Whether the administrator may see an organization. */
export function sees(administrator: Administrator, organizationId: string): boolean {
  return isInstanceAdministrator(administrator) || administrator.organizationId === organizationId;
}

/**
 * Returns the organization of a create or list request: the API key's own, or the one that a request with the root key names.
 * @param field the field or parameter that names the organization, for the error
 * @returns null if a request with the root key names none; the created resource is then shared by all organizations
 * @throws ProblemError `not_found` if the organization does not exist or is not the key's; StoreUnavailableError
 */
export async function targetOrganization(
  { db }: Pick<ManagementServices, 'db'>,
  administrator: Administrator,
  named: string | undefined,
  field: FieldName = BODY_FIELD,
): Promise<string | null> {
  const notFound = () =>
    new ProblemError('not_found', { errors: [{ ...field, detail: 'There is no such organization.' }] });
  if (!isInstanceAdministrator(administrator)) {
    if (named !== undefined && named !== administrator.organizationId) throw notFound();
    return administrator.organizationId;
  }
  if (named === undefined) return null;
  if (!(await organizationExists(db, named))) throw notFound();
  return named;
}

/** Like `targetOrganization`, for resources that cannot be shared. @throws also ProblemError `invalid` if no organization is named */
export async function requiredOrganization(
  services: Pick<ManagementServices, 'db'>,
  administrator: Administrator,
  named: string | undefined,
  field: FieldName = BODY_FIELD,
): Promise<string> {
  const organization = await targetOrganization(services, administrator, named, field);
  if (organization === null) {
    throw invalid({ ...field, detail: '`organization_id` is required with the root key.' });
  }
  return organization;
}

type FieldName = { readonly pointer: string } | { readonly parameter: string };
const BODY_FIELD: FieldName = { pointer: '/organization_id' };
/** The query parameter of a list that names the organization. */
export const QUERY_FIELD: FieldName = { parameter: 'organization_id' };

/** Returns the administrator's name in audit events. */
export function actorOf(administrator: Administrator): string {
  switch (administrator.kind) {
    case 'root':
      return ROOT;
    case 'api_key':
      return administrator.id;
    case 'person':
      return personActor(administrator.name);
    case 'portal':
      return portalActor(administrator.id);
  }
}
