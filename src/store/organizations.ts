import { asc, eq, type SQL, sql } from 'drizzle-orm';
import { ASSERTION_LIFETIME_DEFAULT, STRICT_ACCESS_TOKEN_TTL_MAX } from '../constants.ts';
import { foldedForm } from '../lib/folded-form.ts';
import { removeApiKeys } from './api-keys.ts';
import { type SecurityProfile, STRICT_ALGS, STRICT_METHODS } from './client-authentication.ts';
import { removeClients } from './clients.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import type { UnstoredForm } from './identifiers.ts';
import { removeResourceServers } from './resource-servers.ts';
import { removeRoles } from './roles.ts';
import { apiKeys, clients, organizations, resourceServers, roles, usageDays, webhooks } from './schema.ts';
import { type Dependents, type DependentsShown, dependentsOf, isAfter, isAtVersion, listOf, refolded } from './sql.ts';
import { removeWebhooksOf } from './webhooks.ts';
import { nextVersion, type Statement } from './write.ts';

export type Organization = typeof organizations.$inferSelect;
export type NewOrganization = Omit<Organization, 'version' | 'revocationEpoch' | 'foldedName'>;
export type OrganizationFields = Pick<Organization, 'name' | 'subject' | 'metadata' | 'status' | 'securityProfile'>;

/** Builds the statements that create an organization, for `write()`. */
export function insertOrganization(db: Database, organization: NewOrganization): Statement[] {
  const foldedName = foldedForm(organization.name);
  return [db.insert(organizations).values({ ...organization, foldedName, version: nextVersion })];
}

/**
 * Builds the statements that update an organization. A change of its status revokes the tokens of its clients, as in `updateClient`.
 * @param now milliseconds since the epoch
 */
export function updateOrganization(
  db: Database,
  { id, name, status }: Pick<Organization, 'id' | 'name' | 'status'>,
  fields: OrganizationFields,
  now: number,
): Statement[] {
  const revoked = fields.status === status ? {} : { revocationEpoch: nextVersion };
  const changed = { ...fields, ...refolded(name, fields.name), ...revoked, version: nextVersion, updatedAt: now };
  return [db.update(organizations).set(changed).where(eq(organizations.id, id))];
}

/** Builds the statement that revokes all tokens of an organization's clients that were issued before this write. */
export function revokeOrganizationTokens(db: Database, id: string): Statement[] {
  const revoked = { revocationEpoch: nextVersion, version: nextVersion };
  return [db.update(organizations).set(revoked).where(eq(organizations.id, id))];
}

/**
 * Builds the statements that delete an organization. Without `cascade` they break the constraint `foreign_key` if it owns anything; with it
 * they delete that too.
 */
export function deleteOrganization(
  db: Database,
  id: string,
  { cascade, ...reserved }: { cascade: boolean; unstored: readonly UnstoredForm[]; now: number },
): Statement[] {
  const owned = [
    ...removeClients(db, clientsOf(id)),
    ...removeRoles(db, sql`SELECT id FROM ${roles} WHERE ${roles.organizationId} = ${id}`),
    ...removeResourceServers(
      db,
      sql`SELECT id FROM ${resourceServers} WHERE ${resourceServers.organizationId} = ${id}`,
      reserved,
    ),
    removeWebhooksOf(db, id),
    ...removeApiKeys(db, sql`SELECT id FROM ${apiKeys} WHERE ${apiKeys.organizationId} = ${id}`),
  ];
  return [
    ...(cascade ? owned : []),
    db.delete(usageDays).where(eq(usageDays.owner, id)),
    db.delete(organizations).where(eq(organizations.id, id)),
  ];
}

/** Selects the ids of an organization's clients. */
export function clientsOf(id: string): SQL {
  return sql`SELECT client_id FROM ${clients} WHERE ${clients.organizationId} = ${id}`;
}

/** Finds what an organization owns, as far as shown, and the total. @throws StoreUnavailableError */
export function organizationDependents(db: Database, id: string, shown: DependentsShown): Promise<Dependents> {
  return dependentsOf(db, shown, {
    client: sql`SELECT client_id AS id, client_name AS name FROM ${clients} WHERE organization_id = ${id}`,
    role: sql`SELECT id, name FROM ${roles} WHERE organization_id = ${id}`,
    resource_server: sql`SELECT id, identifier AS name FROM ${resourceServers} WHERE organization_id = ${id}`,
    api_key: sql`SELECT id, name FROM ${apiKeys} WHERE organization_id = ${id}`,
    webhook: sql`SELECT id, name FROM ${webhooks} WHERE organization_id = ${id}`,
  });
}

/** Finds the organization's clients that violate the strict profile, as far as shown, and the total. @throws StoreUnavailableError */
export function clientsNotStrict(db: Database, id: string, shown: DependentsShown): Promise<Dependents> {
  return dependentsOf(db, shown, {
    client: sql`SELECT client_id AS id, client_name AS name FROM ${clients} WHERE organization_id = ${id} AND ${isNotStrict}`,
  });
}

/** Whether all clients of the organization conform to the strict profile, for the guard of a write. */
export function allAreStrict(id: string): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${clients} WHERE organization_id = ${id} AND ${isNotStrict})`;
}

const strictMethods = listOf(STRICT_METHODS);
const strictAlgs = listOf(STRICT_ALGS);
const isNotStrict = sql`(
  token_endpoint_auth_method NOT IN (${strictMethods})
  OR access_token_ttl > ${STRICT_ACCESS_TOKEN_TTL_MAX}
  OR assertion_lifetime_max > ${ASSERTION_LIFETIME_DEFAULT}
  OR assertion_audience <> 'issuer'
  OR EXISTS (SELECT 1 FROM json_each(additional_auth_methods) AS method WHERE method.value NOT IN (${strictMethods}))
  OR EXISTS (SELECT 1 FROM json_each(${clients.keys}) AS key WHERE key.value ->> '$.jwk.alg' NOT IN (${strictAlgs}))
)`;

/** Returns an organization's security profile, or `standard` if the organization does not exist. @throws StoreUnavailableError */
export async function organizationProfile(db: Database, id: string): Promise<SecurityProfile> {
  const found = db
    .select({ profile: organizations.securityProfile })
    .from(organizations)
    .where(eq(organizations.id, id));
  return (await askStore('d1', () => found))[0]?.profile ?? 'standard';
}

/** Whether the organization still has the profile, for the guard of a write. */
export function isProfile(id: string, profile: SecurityProfile): SQL {
  return sql`EXISTS (SELECT 1 FROM ${organizations} WHERE id = ${id} AND security_profile = ${profile})`;
}

/** Whether the organization is unchanged since it was read, for the guard of a write. */
export function isOrganizationAt({ id, version }: Pick<Organization, 'id' | 'version'>): SQL {
  return isAtVersion(organizations, organizations.id, id, version);
}

/** Finds an organization by its id. @throws StoreUnavailableError */
export async function findOrganization(db: Database, id: string): Promise<Organization | undefined> {
  return (await askStore('d1', () => db.select().from(organizations).where(eq(organizations.id, id))))[0];
}

/** Returns organizations by name, starting after `after`. @throws StoreUnavailableError */
export function listOrganizations(
  db: Database,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<Organization[]> {
  const name = sql`lower(${organizations.name})`;
  return askStore('d1', () =>
    db.select().from(organizations).where(isAfter(name, after)).orderBy(asc(name)).limit(limit),
  );
}

/** Whether an organization exists. @throws StoreUnavailableError */
export async function organizationExists(db: Database, id: string): Promise<boolean> {
  const found = db.select({ id: organizations.id }).from(organizations).where(eq(organizations.id, id));
  return (await askStore('d1', () => found)).length > 0;
}
