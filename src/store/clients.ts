import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
import type { SecurityProfile } from './client-authentication.ts';
import { byClient, selectIntrospected, selectOwnScopes, selectOwnServers, selectRoles } from './client-links.ts';
import { FEW_CLIENTS } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import type { DescribedGrant, StoredGrant } from './grants.ts';
import {
  clientGrantScopes,
  clientGrants,
  clientIntrospects,
  clientRoles,
  clientSecrets,
  clients,
  clientUsage,
  gates,
  organizations,
  resourceServers,
  roleGrants,
} from './schema.ts';
import { insertSecret, type StoredSecret } from './secrets.ts';
import { among, isAfter, isAtVersion, listOf } from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

export type Client = typeof clients.$inferSelect;
export type NewClient = Omit<Client, 'version' | 'revocationEpoch'>;
export type ClientFields = Omit<NewClient, 'clientId' | 'organizationId' | 'createdAt'>;

export interface ClientLinks {
  readonly grants: readonly StoredGrant[];
  readonly roleIds: readonly string[];
  /** Ids of the resource servers on whose behalf the client introspects. */
  readonly introspects: readonly string[];
}

/** A client with its links, by the names that they are shown by, and its organization's profile. */
export interface DescribedClient extends Client {
  readonly organizationProfile: SecurityProfile;
  readonly grants: DescribedGrant[];
  readonly roles: string[];
  readonly introspects: string[];
  readonly defaultResource: string | null;
}

/** The statements that create a client with its first secret, if it has one, and its links, for `write()`. What a link refers to must be there. */
export function insertClient(
  db: Database,
  client: NewClient,
  secret: StoredSecret | undefined,
  links: ClientLinks,
): Statement[] {
  return [
    // Another client may have had the id, and its gate may not have heard yet that it is no more: its tokens are not this one's.
    db.insert(clients).values({ ...client, revocationEpoch: nextVersion, version: nextVersion }),
    ...(secret ? [insertSecret(db, secret)] : []),
    ...insertLinks(db, client.clientId, links),
  ];
}

/** The statements that change a client and its links. */
export function updateClient(db: Database, clientId: string, fields: ClientFields, links: ClientLinks): Statement[] {
  const changed = { ...fields, version: nextVersion };
  return [
    db.update(clients).set(changed).where(eq(clients.clientId, clientId)),
    ...removeLinks(db, listOf([clientId])),
    ...insertLinks(db, clientId, links),
  ];
}

/** The statement that makes the client's gates take every token issued so far for revoked. */
export function revokeClientTokens(db: Database, clientId: string): Statement[] {
  const revoked = { revocationEpoch: nextVersion, version: nextVersion };
  return [db.update(clients).set(revoked).where(eq(clients.clientId, clientId))];
}

/** The statements that delete the clients that a subquery selects, with all that is theirs. Their gates must be owed a push before. */
export function removeClients(db: Database, ids: SQL): Statement[] {
  return [
    ...removeLinks(db, ids),
    db.delete(clientSecrets).where(among(clientSecrets.clientId, ids)),
    db.delete(clientUsage).where(among(clientUsage.clientId, ids)),
    db.delete(gates).where(among(gates.clientId, ids)),
    db.delete(clients).where(among(clients.clientId, ids)),
  ];
}

function removeLinks(db: Database, ids: SQL): Statement[] {
  return [
    db.delete(clientGrantScopes).where(among(clientGrantScopes.clientId, ids)),
    db.delete(clientGrants).where(among(clientGrants.clientId, ids)),
    db.delete(clientRoles).where(among(clientRoles.clientId, ids)),
    db.delete(clientIntrospects).where(among(clientIntrospects.clientId, ids)),
  ];
}

function insertLinks(db: Database, clientId: string, links: ClientLinks): Statement[] {
  const grants = JSON.stringify(links.grants);
  const each = (values: readonly string[]) => sql`SELECT ${clientId}, value FROM json_each(${JSON.stringify(values)})`;
  return [
    db.insert(clientGrants).select(sql`SELECT ${clientId}, value ->> 'resourceServerId' FROM json_each(${grants})`),
    db.insert(clientGrantScopes).select(sql`SELECT ${clientId}, granted.value ->> 'resourceServerId', scope.value
      FROM json_each(${grants}) AS granted, json_each(granted.value, '$.scopes') AS scope`),
    db.insert(clientRoles).select(each(links.roleIds)),
    db.insert(clientIntrospects).select(each(links.introspects)),
  ];
}

/** Whether the client is still as it was read. */
export function isClientAt({ clientId, version }: Pick<Client, 'clientId' | 'version'>): SQL {
  return isAtVersion(clients, clients.clientId, clientId, version);
}

/** The client's own row. @throws StoreUnavailableError */
export async function findClientRow(db: Database, clientId: string): Promise<Client | undefined> {
  return (await askStore('d1', () => db.select().from(clients).where(eq(clients.clientId, clientId))))[0];
}

/** @throws StoreUnavailableError */
export async function findClient(db: Database, clientId: string): Promise<DescribedClient | undefined> {
  return (await describeClients(db, listOf([clientId])))[0];
}

export interface ClientFilter {
  readonly organizationId: string;
  /** What the name begins with, in any case. */
  readonly name?: string | undefined;
  readonly status?: Client['status'] | undefined;
  /** A role's id. */
  readonly roleId?: string | undefined;
  /** The id of a resource server at which the client is granted something, directly or by roles. */
  readonly resourceServerId?: string | undefined;
}

/** By name, those behind `after`. @throws StoreUnavailableError */
export async function listClients(
  db: Database,
  { organizationId, name, status, ...links }: ClientFilter,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<DescribedClient[]> {
  const lowered = sql`lower(${clients.clientName})`;
  const linked = await Promise.all(linksWanted(links).map((link) => narrowing(db, link)));
  // Of few the rest is checked one by one; else the organization's clients are walked in the order of their names.
  const owner = linked.some(({ isFew }) => isFew) ? sql`+${clients.organizationId}` : clients.organizationId;
  const page = db
    .select({ clientId: clients.clientId })
    .from(clients)
    .where(
      and(
        sql`${owner} = ${organizationId}`,
        isAfter(lowered, after),
        name === undefined ? undefined : beginsWith(lowered, name),
        status === undefined ? undefined : eq(clients.status, status),
        ...linked.map(({ condition }) => condition),
      ),
    )
    .orderBy(asc(lowered))
    .limit(limit);
  return describeClients(db, page.getSQL());
}

/** A link that a listed client must have: who has it, and whether one has it. */
interface Link {
  readonly having: SQL;
  readonly has: SQL;
}

function linksWanted({ roleId, resourceServerId }: Pick<ClientFilter, 'roleId' | 'resourceServerId'>): Link[] {
  const isClient = sql`client_id = ${clients.clientId}`;
  const holders = sql`SELECT client_id FROM ${clientRoles} WHERE role_id = ${roleId}`;
  const granting = sql`SELECT role_id FROM ${roleGrants} WHERE resource_server_id = ${resourceServerId}`;
  const granted = sql`SELECT client_id FROM ${clientGrants} WHERE resource_server_id = ${resourceServerId}`;
  const grantedByRole = sql`SELECT client_id FROM ${clientRoles} WHERE role_id IN (${granting})`;
  const role = { having: holders, has: sql`EXISTS (${holders} AND ${isClient})` };
  const server = {
    having: sql`${granted} UNION ALL ${grantedByRole}`,
    has: sql`(EXISTS (${granted} AND ${isClient}) OR EXISTS (${grantedByRole} AND ${isClient}))`,
  };
  return [...(roleId === undefined ? [] : [role]), ...(resourceServerId === undefined ? [] : [server])];
}

/** The condition that costs least: neither few among many, nor many for the first of them, may take a look at all. */
async function narrowing(db: Database, { having, has }: Link): Promise<{ condition: SQL; isFew: boolean }> {
  const probe = sql`SELECT COUNT(*) AS count FROM (${having} LIMIT ${FEW_CLIENTS + 1})`;
  const [found] = await askStore('d1', () => db.all<{ count: number }>(probe));
  const isFew = (found?.count ?? 0) <= FEW_CLIENTS;
  return { condition: isFew ? among(clients.clientId, having) : has, isFew };
}

// What begins with it lies between it and it with the last of all characters behind.
function beginsWith(lowered: SQL, name: string): SQL {
  return sql`${lowered} >= lower(${name}) AND ${lowered} < lower(${name}) || ${'\u{10ffff}'}`;
}

async function describeClients(db: Database, ids: SQL): Promise<DescribedClient[]> {
  const [found, servers, scopes, held, introspected] = await askStore('d1', () =>
    db.batch([
      db
        .select({
          client: clients,
          defaultResource: resourceServers.identifier,
          // Renamed: in a batch D1 returns rows as objects, in which columns of one name are one.
          organizationProfile: sql<SecurityProfile>`${organizations.securityProfile}`.as('organization_profile'),
        })
        .from(clients)
        .innerJoin(organizations, eq(organizations.id, clients.organizationId))
        .leftJoin(resourceServers, eq(resourceServers.id, clients.defaultResourceServerId))
        .where(among(clients.clientId, ids))
        .orderBy(sql`lower(${clients.clientName})`),
      selectOwnServers(db, ids),
      selectOwnScopes(db, ids),
      selectRoles(db, ids),
      selectIntrospected(db, ids),
    ]),
  );
  const [serversOf, scopesOf, rolesOf, introspectsOf] = [
    byClient(servers),
    byClient(scopes),
    byClient(held),
    byClient(introspected),
  ] as const;
  return found.map(({ client, defaultResource, organizationProfile }) => {
    const ownScopes = Map.groupBy(scopesOf(client.clientId), ({ serverId }) => serverId);
    return {
      ...client,
      organizationProfile,
      defaultResource,
      grants: sorted(serversOf(client.clientId), ({ server }) => server.identifier).map(({ server }) => ({
        resource_server: server.identifier,
        scopes: (ownScopes.get(server.id) ?? []).flatMap(({ scopes }) => JSON.parse(scopes) as string[]).sort(),
      })),
      roles: rolesOf(client.clientId)
        .map(({ name }) => name)
        .sort(),
      introspects: introspectsOf(client.clientId)
        .map(({ identifier }) => identifier)
        .sort(),
    };
  });
}

function sorted<T>(items: readonly T[], by: (item: T) => string): T[] {
  return items.toSorted((one, other) => (by(one) < by(other) ? -1 : 1));
}
