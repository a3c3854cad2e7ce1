import { eq, type SQL, sql } from 'drizzle-orm';
import { foldedForm } from '../lib/folded-form.ts';
import type { SecurityProfile } from './client-authentication.ts';
import { byClient, selectIntrospected, selectOwnScopes, selectOwnServers, selectRoles } from './client-links.ts';
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
  clientUsageDays,
  clientWorkloads,
  gates,
  organizations,
  resourceServers,
} from './schema.ts';
import { insertSecret, type StoredSecret } from './secrets.ts';
import { among, isAtVersion, listOf, refolded } from './sql.ts';
import { insertWorkloads, type WorkloadKey } from './workloads.ts';
import { nextVersion, type Statement } from './write.ts';

export type Client = typeof clients.$inferSelect;
export type NewClient = Omit<
  Client,
  'version' | 'revocationEpoch' | 'foldedName' | 'lastUsedAt' | 'expiryNoticed' | 'restoredCutOff' | DisuseColumn
>;
/** The columns that only the policy for unused clients reads and writes. */
type DisuseColumn = 'unusedExcepted' | 'unusedReportedAt' | 'unusedSince' | 'enabledAt';
export type ClientFields = Omit<NewClient, 'clientId' | 'organizationId' | 'createdAt'>;

export interface ClientLinks {
  readonly grants: readonly StoredGrant[];
  readonly roleIds: readonly string[];
  /** The ids of the resource servers whose tokens the client may introspect. */
  readonly introspects: readonly string[];
  /** The entries of its federated identities in the index of workloads. */
  readonly workloads: readonly WorkloadKey[];
}

/** A client with the names of the resources that it is linked to, and its organization's profile. */
export interface DescribedClient extends Client {
  readonly organizationProfile: SecurityProfile;
  /** Whether a gate holds its record: not before the first request of or about the client. */
  readonly hasGate: boolean;
  readonly grants: DescribedGrant[];
  readonly roles: string[];
  readonly introspects: string[];
  readonly defaultResource: string | null;
}

/** Builds the statements that create a client, its first secret if any, and its links, for `write()`. Linked resources must exist. */
export function insertClient(
  db: Database,
  client: NewClient,
  secret: StoredSecret | undefined,
  links: ClientLinks,
): Statement[] {
  return [
    // The id may have belonged to a deleted client whose gate does not know that yet. The epoch revokes that client's tokens.
    db.insert(clients).values({
      ...client,
      foldedName: foldedForm(client.clientName),
      revocationEpoch: nextVersion,
      version: nextVersion,
    }),
    ...(secret ? [insertSecret(db, secret)] : []),
    ...insertLinks(db, client.clientId, links),
  ];
}

/**
 * Builds the statements that update a client and its links. A change of its status also revokes all tokens that were issued before this
 * write, so that enabling the client does not bring back the tokens that disabling it ended. Enabling revokes as well, because older code
 * may have disabled the client. The same goes for a client that had expired and is brought back, and for one that the policy for unused
 * clients disabled and an administrator disables as well.
 * @param before `isTakenOver`: whether an administrator disables what the policy disabled
 */
export function updateClient(
  db: Database,
  before: Pick<Client, 'clientId' | 'clientName' | 'status' | 'expiresAt'> & { readonly isTakenOver?: boolean },
  fields: ClientFields,
  links: ClientLinks,
): Statement[] {
  const { clientId, clientName, status, expiresAt, isTakenOver = false } = before;
  const changed = { ...fields, ...refolded(clientName, fields.clientName), version: nextVersion };
  const isSwitched = fields.status !== status || isTakenOver;
  const isMoved = fields.expiresAt !== expiresAt;
  const isRevived = isMoved && hasExpired(before, fields.updatedAt);
  const revoked = isSwitched || isRevived ? { revocationEpoch: nextVersion } : {};
  const unnoticed = isMoved ? { expiryNoticed: false } : {};
  const disuse = {
    ...(isSwitched && { unusedSince: null }),
    ...((isSwitched || isRevived) && fields.status === 'active' && { enabledAt: fields.updatedAt }),
  };
  return [
    db
      .update(clients)
      .set({ ...changed, ...revoked, ...unnoticed, ...disuse })
      .where(eq(clients.clientId, clientId)),
    ...removeLinks(db, listOf([clientId])),
    ...insertLinks(db, clientId, links),
  ];
}

/** Whether a client has expired by the caller's clock. Its gate decides by its own. @param now milliseconds since the epoch */
export function hasExpired({ expiresAt }: Pick<Client, 'expiresAt'>, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** Builds the statement that revokes all tokens of a client that were issued before this write. */
export function revokeClientTokens(db: Database, clientId: string): Statement[] {
  const revoked = { revocationEpoch: nextVersion, version: nextVersion };
  return [db.update(clients).set(revoked).where(eq(clients.clientId, clientId))];
}

/** Builds the statements that delete the selected clients and all their rows. The batch must insert the pushes to their gates before. */
export function removeClients(db: Database, ids: SQL): Statement[] {
  return [
    ...removeLinks(db, ids),
    db.delete(clientSecrets).where(among(clientSecrets.clientId, ids)),
    db.delete(clientUsage).where(among(clientUsage.clientId, ids)),
    db.delete(clientUsageDays).where(among(clientUsageDays.clientId, ids)),
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
    db.delete(clientWorkloads).where(among(clientWorkloads.clientId, ids)),
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
    insertWorkloads(db, clientId, links.workloads),
  ];
}

/** Whether the client is unchanged since it was read, for the guard of a write. */
export function isClientAt({ clientId, version }: Pick<Client, 'clientId' | 'version'>): SQL {
  return isAtVersion(clients, clients.clientId, clientId, version);
}

/** Finds a client's own row, without its links. @throws StoreUnavailableError */
export async function findClientRow(db: Database, clientId: string): Promise<Client | undefined> {
  return (await askStore('d1', () => db.select().from(clients).where(eq(clients.clientId, clientId))))[0];
}

/** Finds a client with its links. @throws StoreUnavailableError */
export async function findClient(db: Database, clientId: string): Promise<DescribedClient | undefined> {
  return (await describeClients(db, listOf([clientId])))[0];
}

/** Finds clients with their links, by name unless another order is given. @throws StoreUnavailableError */
export async function describeClients(
  db: Database,
  ids: SQL,
  order = sql`lower(${clients.clientName})`,
): Promise<DescribedClient[]> {
  const [found, servers, scopes, roles, introspected] = await askStore('d1', () =>
    db.batch([
      db
        .select({
          client: clients,
          defaultResource: resourceServers.identifier,
          // Renamed: in a batch D1 returns rows as objects, in which columns of one name are one.
          organizationProfile: sql<SecurityProfile>`${organizations.securityProfile}`.as('organization_profile'),
          hasGate: sql<number>`EXISTS (SELECT 1 FROM ${gates} WHERE ${gates.clientId} = ${clients.clientId})`.as(
            'has_gate',
          ),
        })
        .from(clients)
        .innerJoin(organizations, eq(organizations.id, clients.organizationId))
        .leftJoin(resourceServers, eq(resourceServers.id, clients.defaultResourceServerId))
        .where(among(clients.clientId, ids))
        .orderBy(order),
      selectOwnServers(db, ids),
      selectOwnScopes(db, ids),
      selectRoles(db, ids),
      selectIntrospected(db, ids),
    ]),
  );
  const [serversOf, scopesOf, rolesOf, introspectsOf] = [
    byClient(servers),
    byClient(scopes),
    byClient(roles),
    byClient(introspected),
  ] as const;
  return found.map(({ client, defaultResource, organizationProfile, hasGate }) => {
    const ownScopes = Map.groupBy(scopesOf(client.clientId), ({ serverId }) => serverId);
    return {
      ...client,
      organizationProfile,
      hasGate: hasGate === 1,
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
