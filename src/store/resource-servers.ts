import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import { comparableForm } from '../lib/identifier.ts';
import { STRENGTH_DEADLINE_MS } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { reserveIdentifiers, type UnstoredForm } from './identifiers.ts';
import { renewClients } from './renewals.ts';
import {
  clientGrantScopes,
  clientGrants,
  clientIntrospects,
  clientRoles,
  clients,
  resourceServers,
  roleGrantScopes,
  roleGrants,
  roles,
  scopes,
} from './schema.ts';
import {
  among,
  type Dependents,
  type DependentsShown,
  dependentsOf,
  isAtVersion,
  listOf,
  ownAndShared,
} from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

export type ResourceServer = typeof resourceServers.$inferSelect;
export type NewResourceServer = Omit<ResourceServer, 'version'>;
export type ResourceServerFields = Pick<
  ResourceServer,
  'name' | 'accessTokenTtl' | 'signingAlg' | 'accessTokenTyp' | 'introspection' | 'scopePolicy' | 'acceptedClaims'
>;

export interface Scope {
  readonly name: string;
  readonly description: string;
}

export interface DescribedResourceServer extends ResourceServer {
  readonly scopes: Scope[];
}

/** A resource server that grants can refer to. */
export interface GrantableResourceServer {
  readonly id: string;
  readonly identifier: string;
  /** null if it is shared. */
  readonly organizationId: string | null;
  readonly scopes: ReadonlySet<string>;
}

/** Builds the statements that create a resource server with its scopes, for `write()`. */
export function insertResourceServer(
  db: Database,
  server: NewResourceServer,
  described: readonly Scope[],
): Statement[] {
  return [
    db.insert(resourceServers).values({ ...server, version: nextVersion }),
    // One statement for all scopes, since D1 binds at most 100 parameters. The columns are in the table's order.
    db.insert(scopes).select(sql`SELECT ${server.id}, value ->> 'name', value ->> 'description'
      FROM json_each(${JSON.stringify(described)})`),
  ];
}

/**
 * Builds the statements that update a resource server and its scopes. Without `cascade` they break the constraint `foreign_key` if a
 * removed scope is granted; with it they remove these grants too.
 */
export function updateResourceServer(
  db: Database,
  id: string,
  fields: ResourceServerFields,
  described: readonly Scope[],
  { cascade, now }: { cascade: boolean; now: number },
): Statement[] {
  const json = JSON.stringify(described);
  const names = sql`SELECT value ->> 'name' FROM json_each(${json})`;
  const isRemoved = (scope: SQL) => sql`resource_server_id = ${id} AND ${scope} NOT IN (${names})`;
  const ungranted = [
    renewRoles(db, rolesGranting(id)),
    renewClients(db, clientsGranted(id)),
    db.delete(roleGrantScopes).where(isRemoved(sql`scope`)),
    db.delete(clientGrantScopes).where(isRemoved(sql`scope`)),
  ];
  const changed = { ...fields, version: nextVersion, updatedAt: now };
  return [
    ...(cascade ? ungranted : []),
    db.update(resourceServers).set(changed).where(eq(resourceServers.id, id)),
    db.delete(scopes).where(isRemoved(sql`name`)),
    // SQLite parses ON CONFLICT after a SELECT only if the SELECT has a WHERE.
    db
      .insert(scopes)
      .select(sql`SELECT ${id}, value ->> 'name', value ->> 'description' FROM json_each(${json}) WHERE true`)
      .onConflictDoUpdate({
        target: [scopes.resourceServerId, scopes.name],
        set: { description: sql`excluded.description` },
      }),
  ];
}

/**
 * Builds the statements that delete a resource server. Without `cascade` they break the constraint `foreign_key` if anything refers to it;
 * with it they remove these references too.
 */
export function deleteResourceServer(
  db: Database,
  id: string,
  { cascade, ...reserved }: { cascade: boolean; unstored: readonly UnstoredForm[]; now: number },
): Statement[] {
  const isAtServer = sql`resource_server_id = ${id}`;
  const granted = [
    renewRoles(db, rolesGranting(id)),
    renewClients(db, clientsReferring(id)),
    db.delete(clientGrantScopes).where(isAtServer),
    db.delete(clientGrants).where(isAtServer),
    db.delete(clientIntrospects).where(isAtServer),
    db.delete(roleGrantScopes).where(isAtServer),
    db.delete(roleGrants).where(isAtServer),
    db.update(clients).set({ defaultResourceServerId: null }).where(eq(clients.defaultResourceServerId, id)),
  ];
  return [...(cascade ? granted : []), ...removeResourceServers(db, listOf([id]), reserved)];
}

/**
 * Builds the statements that delete the selected resource servers and reserve their identifiers. Nothing may refer to them any more.
 * @param unstored the forms that `migrateIdentifiers()` could not store
 * @param now milliseconds since the epoch
 */
export function removeResourceServers(
  db: Database,
  ids: SQL,
  { unstored, now }: { readonly unstored: readonly UnstoredForm[]; readonly now: number },
): Statement[] {
  return [
    reserveIdentifiers(db, ids, unstored, now),
    db.delete(scopes).where(among(scopes.resourceServerId, ids)),
    db.delete(resourceServers).where(among(resourceServers.id, ids)),
  ];
}

function renewRoles(db: Database, ids: SQL): Statement {
  return db.update(roles).set({ version: nextVersion }).where(among(roles.id, ids));
}

function rolesGranting(id: string): SQL {
  return sql`SELECT role_id FROM ${roleGrants} WHERE resource_server_id = ${id}`;
}

function clientsGranted(id: string): SQL {
  return sql`SELECT client_id FROM ${clientGrants} WHERE resource_server_id = ${id}`;
}

function clientsReferring(id: string): SQL {
  return sql`${clientsGranted(id)}
    UNION SELECT client_id FROM ${clientIntrospects} WHERE resource_server_id = ${id}
    UNION SELECT client_id FROM ${clients} WHERE default_resource_server_id = ${id}`;
}

/** Selects the ids of the clients whose records name a resource server, directly or by roles. */
export function clientsNaming(id: string): SQL {
  return sql`${clientsReferring(id)}
    UNION SELECT client_id FROM ${clientRoles} WHERE role_id IN (${rolesGranting(id)})`;
}

/** Finds what refers to a resource server, as far as shown, and the total. @throws StoreUnavailableError */
export function resourceServerDependents(db: Database, id: string, shown: DependentsShown): Promise<Dependents> {
  return dependentsOf(db, shown, {
    role: sql`SELECT id, name FROM ${roles} WHERE id IN (${rolesGranting(id)})`,
    client: sql`SELECT client_id AS id, client_name AS name FROM ${clients} WHERE client_id IN (${clientsReferring(id)})`,
  });
}

/** Finds the roles and clients that are granted one of these scopes, as far as shown, and the total. @throws StoreUnavailableError */
export function scopeDependents(
  db: Database,
  id: string,
  names: readonly string[],
  shown: DependentsShown,
): Promise<Dependents> {
  const isGranted = sql`resource_server_id = ${id} AND scope IN (${listOf(names)})`;
  return dependentsOf(db, shown, {
    role: sql`SELECT id, name FROM ${roles} WHERE id IN (SELECT role_id FROM ${roleGrantScopes} WHERE ${isGranted})`,
    client: sql`SELECT client_id AS id, client_name AS name FROM ${clients}
      WHERE client_id IN (SELECT client_id FROM ${clientGrantScopes} WHERE ${isGranted})`,
  });
}

/**
 * Returns the reserved claims that at least one of these resource servers, or of those that the roles grant, accepts.
 * @throws StoreUnavailableError
 */
export async function claimsAcceptedBy(
  db: Database,
  { ids, roleIds }: { readonly ids: readonly string[]; readonly roleIds: readonly string[] },
): Promise<ReadonlySet<string>> {
  const byRoles = sql`SELECT resource_server_id FROM ${roleGrants} WHERE role_id IN (${listOf(roleIds)})`;
  const found = db
    .select({ accepted: resourceServers.acceptedClaims })
    .from(resourceServers)
    .where(or(among(resourceServers.id, listOf(ids)), among(resourceServers.id, byRoles)));
  return new Set((await askStore('d1', () => found)).flatMap(({ accepted }) => accepted));
}

/** Whether the resource server is unchanged since it was read, for the guard of a write. */
export function isResourceServerAt({ id, version }: Pick<ResourceServer, 'id' | 'version'>): SQL {
  return isAtVersion(resourceServers, resourceServers.id, id, version);
}

/** The part of a resource server that decides about the introspection of its tokens. */
export type IntrospectedServer = Pick<ResourceServer, 'introspection' | 'tokensFrom'>;

/** Returns how a resource server's tokens are introspected; undefined if the identifier is unknown. @throws StoreUnavailableError */
export async function findIntrospectedServer(
  db: Database,
  identifier: string,
): Promise<IntrospectedServer | undefined> {
  const found = db
    .select({ introspection: resourceServers.introspection, tokensFrom: resourceServers.tokensFrom })
    .from(resourceServers)
    .where(eq(resourceServers.identifier, identifier));
  return (await askStore('d1', () => found, STRENGTH_DEADLINE_MS))[0];
}

/** Finds a resource server with its scopes by its id. @throws StoreUnavailableError */
export async function findResourceServer(db: Database, id: string): Promise<DescribedResourceServer | undefined> {
  return (await describeResourceServers(db, listOf([id])))[0];
}

/**
 * Returns the organization's own and the shared resource servers by identifier, starting after `after`.
 * @param organizationId null for the shared ones only
 * @throws StoreUnavailableError
 */
export function listResourceServers(
  db: Database,
  { organizationId, after, limit }: { organizationId: string | null; after: string | undefined; limit: number },
): Promise<DescribedResourceServer[]> {
  const by = resourceServers.identifier;
  const isWanted = after === undefined ? undefined : sql`${by} > ${after}`;
  const owner = resourceServers.organizationId;
  return describeResourceServers(db, ownAndShared(resourceServers, owner, organizationId, { by, isWanted, limit }));
}

async function describeResourceServers(db: Database, ids: SQL): Promise<DescribedResourceServer[]> {
  const [found, described] = await askStore('d1', () =>
    db.batch([
      db.select().from(resourceServers).where(among(resourceServers.id, ids)).orderBy(resourceServers.identifier),
      db.select().from(scopes).where(among(scopes.resourceServerId, ids)).orderBy(scopes.name),
    ]),
  );
  const scopesOf = Map.groupBy(described, ({ resourceServerId }) => resourceServerId);
  return found.map((server) => ({
    ...server,
    scopes: (scopesOf.get(server.id) ?? []).map(({ name, description }) => ({ name, description })),
  }));
}

/**
 * Finds resource servers that an organization may grant, its own and the shared ones, by their ids or identifiers, or by another spelling
 * of an identifier.
 * @param organizationId null for the shared ones only
 * @returns each one found, by its id and by its identifier
 * @throws StoreUnavailableError
 */
export async function grantableResourceServers(
  db: Database,
  organizationId: string | null,
  names: readonly string[],
): Promise<ReadonlyMap<string, GrantableResourceServer>> {
  if (names.length === 0) return new Map();
  const shared = isNull(resourceServers.organizationId);
  const visible = organizationId === null ? shared : or(shared, eq(resourceServers.organizationId, organizationId));
  const list = listOf(names);
  const forms = listOf(names.map(comparableForm));
  const isNamed = or(
    among(resourceServers.id, list),
    among(resourceServers.identifier, list),
    among(resourceServers.comparable, forms),
  );
  const rows = await askStore('d1', () =>
    db
      .select({
        id: resourceServers.id,
        identifier: resourceServers.identifier,
        owner: resourceServers.organizationId,
        scope: scopes.name,
      })
      .from(resourceServers)
      .leftJoin(scopes, eq(scopes.resourceServerId, resourceServers.id))
      .where(and(visible, isNamed)),
  );
  const found = new Map<string, GrantableResourceServer & { scopes: Set<string> }>();
  for (const { id, identifier, owner, scope } of rows) {
    const server = found.get(id) ?? { id, identifier, organizationId: owner, scopes: new Set<string>() };
    if (scope !== null) server.scopes.add(scope);
    found.set(id, server).set(identifier, server);
  }
  return found;
}
