import { createMiddleware } from 'hono/factory';
import type { Administrator } from '../../credentials/api-key.ts';
import type { Services } from '../../services.ts';
import { ROOT } from '../../store/actors.ts';
import { organizationExists } from '../../store/organizations.ts';
import type { ManagementEnv } from './context.ts';
import { invalid, ProblemError } from './problem.ts';

/** What an API key may be allowed to do in its organization. */
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
] as const;

export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];

/** What a route takes: an API key with this scope, any API key, or the root key. The root key may do everything. */
export type RequiredKey = ApiKeyScope | 'any' | 'root';

/** Lets only those through who may. */
export function allow(requires: RequiredKey) {
  return createMiddleware<ManagementEnv>(async (context, next) => {
    requireScope(context.var.administrator, requires);
    await next();
  });
}

/** @throws ProblemError `forbidden` */
function requireScope(administrator: Administrator, requires: RequiredKey): void {
  if (administrator.kind === 'root' || requires === 'any') return;
  if (requires === 'root') throw new ProblemError('forbidden', { detail: 'This takes the root key.' });
  if (administrator.scopes.includes(requires)) return;
  throw new ProblemError('forbidden', { detail: `This takes an API key with the scope ${requires}.` });
}

interface Owned {
  /** null where it is shared by all organizations. */
  readonly organizationId: string | null;
}

/**
 * Lets an administrator see what is the organization's own, or shared.
 * @throws ProblemError `not_found` where it is not there, or another organization's
 */
export function visible<T extends Owned>(administrator: Administrator, found: T | undefined): T {
  if (!found || (found.organizationId !== null && !sees(administrator, found.organizationId))) {
    throw new ProblemError('not_found');
  }
  return found;
}

/**
 * Lets an administrator change what is the organization's own.
 * @throws ProblemError `not_found` as `visible`, `forbidden` where it is shared and this is not the root key
 */
export function changeable<T extends Owned>(administrator: Administrator, found: T | undefined): T {
  const seen = visible(administrator, found);
  if (seen.organizationId === null && administrator.kind !== 'root') {
    throw new ProblemError('forbidden', { detail: 'It is shared by all organizations: this requires the root key.' });
  }
  return seen;
}

/** Whether an organization is the administrator's to see. */
export function sees(administrator: Administrator, organizationId: string): boolean {
  return administrator.kind === 'root' || administrator.organizationId === organizationId;
}

/**
 * The organization that a create or a list is for: the API key's own, or the one that the root key's holder names.
 * @param field where it is named
 * @returns null where the root key's holder names none: what is created is then shared by all organizations
 * @throws ProblemError `not_found` for an organization that is not the key's, or is not there; StoreUnavailableError
 */
export async function targetOrganization(
  { db }: Pick<Services, 'db'>,
  administrator: Administrator,
  named: string | undefined,
  field: FieldName = BODY_FIELD,
): Promise<string | null> {
  const notFound = () =>
    new ProblemError('not_found', { errors: [{ ...field, detail: 'There is no such organization.' }] });
  if (administrator.kind === 'api_key') {
    if (named !== undefined && named !== administrator.organizationId) throw notFound();
    return administrator.organizationId;
  }
  if (named === undefined) return null;
  if (!(await organizationExists(db, named))) throw notFound();
  return named;
}

/** As `targetOrganization`, for what is always an organization's own. @throws ProblemError `invalid` where none is named, too */
export async function requiredOrganization(
  services: Pick<Services, 'db'>,
  administrator: Administrator,
  named: string | undefined,
  field: FieldName = BODY_FIELD,
): Promise<string> {
  const organization = await targetOrganization(services, administrator, named, field);
  if (organization === null) {
    throw invalid({ ...field, detail: 'With the root key, name the organization that this is for.' });
  }
  return organization;
}

type FieldName = { readonly pointer: string } | { readonly parameter: string };
const BODY_FIELD: FieldName = { pointer: '/organization_id' };
/** Where a list is told whose it is. */
export const QUERY_FIELD: FieldName = { parameter: 'organization_id' };

/** The actor that audit events name. */
export function actorOf(administrator: Administrator): string {
  return administrator.kind === 'root' ? ROOT : administrator.id;
}
