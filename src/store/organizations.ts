import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
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
import {
  among,
  type Dependents,
  type DependentsShown,
  dependentsOf,
  isAfter,
  isAtVersion,
  listOf,
  refolded,
} from './sql.ts';
import { removeWebhooksOf } from './webhooks.ts';
import { nextVersion, type Statement } from './write.ts';

export type Organization = typeof organizations.$inferSelect;

/** The fields of an organization that an administrator sets. */
export interface OrganizationFields
  extends Pick<
    Organization,
    'name' | 'subject' | 'metadata' | 'status' | 'quota' | 'securityProfile' | 'unusedReportDays' | 'unusedDisableDays'
  > {
  /** The ids of the clients that its policy for unused clients leaves alone. */
  readonly unusedExceptions: readonly string[];
}

export type NewOrganization = OrganizationFields & Pick<Organization, 'id' | 'createdAt' | 'updatedAt'>;
export type DescribedOrganization = Organization & Pick<OrganizationFields, 'unusedExceptions'>;

/** Builds the statements that create an organization, for `write()`. */
export function insertOrganization(
  db: Database,
  { unusedExceptions: _, ...organization }: NewOrganization,
): Statement[] {
  const foldedName = foldedForm(organization.name);
  const policy = newPolicy(organization, organization.createdAt);
  return [db.insert(organizations).values({ ...organization, ...policy, foldedName, version: nextVersion })];
}

/**
 * Builds the statements that update an organization. A change of its status revokes the tokens of its clients, as in `updateClient`.
 * @param now milliseconds since the epoch
 */
export function updateOrganization(
  db: Database,
  before: DescribedOrganization,
  { unusedExceptions, ...fields }: OrganizationFields,
  now: number,
): Statement[] {
  const { id, name, status } = before;
  const enabled = fields.status === 'active' ? { enabledAt: now } : {};
  const switched = fields.status === status ? {} : { revocationEpoch: nextVersion, ...enabled };
  const added = unusedExceptions.filter((clientId) => !before.unusedExceptions.includes(clientId));
  const removed = before.unusedExceptions.filter((clientId) => !unusedExceptions.includes(clientId));
  const policy = isSamePolicy(before, fields)
    ? removed.length > 0 && { unusedCheckAt: now, unusedCursor: null }
    : newPolicy(fields, now);
  const changed = { ...fields, ...refolded(name, fields.name), ...switched, ...policy };
  const except = (unusedExcepted: boolean, ids: readonly string[]) =>
    db
      .update(clients)
      .set({ unusedExcepted })
      .where(and(among(clients.clientId, listOf(ids)), eq(clients.organizationId, id)));
  return [
    db
      .update(organizations)
      .set({ ...changed, version: nextVersion, updatedAt: now })
      .where(eq(organizations.id, id)),
    ...(added.length > 0 ? [except(true, added)] : []),
    ...(removed.length > 0 ? [except(false, removed)] : []),
  ];
}

type PolicyDays = Pick<OrganizationFields, 'unusedReportDays' | 'unusedDisableDays'>;

function isSamePolicy(one: PolicyDays, other: PolicyDays): boolean {
  return one.unusedReportDays === other.unusedReportDays && one.unusedDisableDays === other.unusedDisableDays;
}

/**
 * Returns the state of a policy for unused clients that was just set: the scheduled handler looks through the clients from the beginning.
 */
function newPolicy({ unusedReportDays, unusedDisableDays }: PolicyDays, now: number) {
  const from = unusedReportDays === null && unusedDisableDays === null ? null : now;
  return { unusedCheckAt: from, unusedCursor: null, unusedPolicySince: from };
}

/** Returns which of these ids are of clients of the organization. @throws StoreUnavailableError */
export async function findClientsOf(db: Database, id: string, clientIds: readonly string[]): Promise<Set<string>> {
  const isTheirs = and(among(clients.clientId, listOf(clientIds)), eq(clients.organizationId, id));
  const found = await askStore('d1', () => db.select({ clientId: clients.clientId }).from(clients).where(isTheirs));
  return new Set(found.map(({ clientId }) => clientId));
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

// The exceptions are marks of the clients, so that they end with it, also if older code deletes it.
const described = {
  organization: organizations,
  // Qualified by hand: in a query of one table Drizzle leaves out the names of tables.
  unusedExceptions: sql<string>`CASE WHEN ${organizations}.unused_check_at IS NULL THEN '[]' ELSE (SELECT json_group_array(client_id)
    FROM ${clients} WHERE ${clients}.organization_id = ${organizations}.id AND ${clients}.unused_excepted = 1) END`,
};

function describe(rows: readonly { organization: Organization; unusedExceptions: string }[]): DescribedOrganization[] {
  return rows.map(({ organization, unusedExceptions }) => ({
    ...organization,
    unusedExceptions: (JSON.parse(unusedExceptions) as string[]).sort(),
  }));
}

/** Finds an organization by its id. @throws StoreUnavailableError */
export async function findOrganization(db: Database, id: string): Promise<DescribedOrganization | undefined> {
  const found = db.select(described).from(organizations).where(eq(organizations.id, id));
  return describe(await askStore('d1', () => found))[0];
}

/** Returns organizations by name, starting after `after`. @throws StoreUnavailableError */
export async function listOrganizations(
  db: Database,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<DescribedOrganization[]> {
  const name = sql`lower(${organizations.name})`;
  const page = db.select(described).from(organizations).where(isAfter(name, after)).orderBy(asc(name)).limit(limit);
  return describe(await askStore('d1', () => page));
}

/** Whether an organization exists. @throws StoreUnavailableError */
export async function organizationExists(db: Database, id: string): Promise<boolean> {
  const found = db.select({ id: organizations.id }).from(organizations).where(eq(organizations.id, id));
  return (await askStore('d1', () => found)).length > 0;
}
