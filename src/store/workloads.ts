import { eq, sql } from 'drizzle-orm';
import type { RegisteredIdentity } from '../gates/protocol.ts';
import { WORKLOADS_PER_KEY_MAX } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clients, clientWorkloads, organizations } from './schema.ts';
import type { Statement } from './write.ts';

/** Where the index of workloads has an identity. */
export interface WorkloadKey {
  readonly issuer: string;
  /** One condition of the identity, or empty. */
  readonly selector: string;
}

/** A client that the index proposes for a token. */
export interface FoundWorkload extends WorkloadKey {
  readonly clientId: string;
  readonly organizationId: string;
  readonly identities: readonly RegisteredIdentity[];
}

interface Row {
  readonly issuer: string;
  readonly selector: string;
  readonly client_id: string;
  readonly organization_id: string;
  /** A JSON array; null if another row of the client has it. */
  readonly identities: string | null;
}

/**
 * Builds the statement that puts a client into the index of workloads, except at keys where its organization has `WORKLOADS_PER_KEY_MAX`
 * clients already. Otherwise one organization could make the look-ups of all others too large.
 */
export function insertWorkloads(db: Database, clientId: string, keys: readonly WorkloadKey[]): Statement {
  const organizationId = sql`(SELECT organization_id FROM ${clients} WHERE client_id = ${clientId})`;
  const others = sql`SELECT COUNT(*) FROM ${clientWorkloads} AS other CROSS JOIN ${clients} AS owner ON owner.client_id = other.client_id
    WHERE other.issuer = added.value ->> 'issuer' AND other.selector = added.value ->> 'selector'
      AND owner.organization_id = ${organizationId}`;
  return db
    .insert(clientWorkloads)
    .select(sql`SELECT DISTINCT added.value ->> 'issuer', added.value ->> 'selector', ${clientId}
    FROM json_each(${JSON.stringify(keys)}) AS added WHERE (${others}) < ${WORKLOADS_PER_KEY_MAX}`);
}

/**
 * Finds the active clients at some keys of the index of workloads, with one query. Those that have expired are left out, and those of the
 * strict profile, because it does not permit tokens of other issuers.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export function findWorkloads(db: Database, keys: readonly WorkloadKey[], now: number): Promise<FoundWorkload[]> {
  const wanted = sql`json_each(${JSON.stringify(keys)}) AS wanted`;
  // CROSS JOIN fixes the order: first the keys, then the index. A client can be at many keys, so only its first row has its identities.
  const indexed = sql`SELECT issuer, selector, client_id, ROW_NUMBER() OVER (PARTITION BY client_id) AS nth
    FROM ${wanted}
    CROSS JOIN ${clientWorkloads} ON ${clientWorkloads.issuer} = wanted.value ->> 'issuer'
      AND ${clientWorkloads.selector} = wanted.value ->> 'selector'`;
  const found = sql`SELECT indexed.issuer, indexed.selector, ${clients.clientId} AS client_id,
    ${clients.organizationId} AS organization_id, CASE WHEN nth = 1 THEN ${clients.federatedIdentities} END AS identities
    FROM (${indexed}) AS indexed
    CROSS JOIN ${clients} ON ${clients.clientId} = indexed.client_id
    CROSS JOIN ${organizations} ON ${organizations.id} = ${clients.organizationId}
    WHERE ${eq(clients.status, 'active')} AND ${eq(organizations.status, 'active')}
      AND (${clients.expiresAt} IS NULL OR ${clients.expiresAt} > ${now})
      AND ${eq(clients.securityProfile, 'standard')} AND ${eq(organizations.securityProfile, 'standard')}
      AND 'federated_jwt' IN (SELECT ${clients.tokenEndpointAuthMethod}
        UNION ALL SELECT value FROM json_each(${clients.additionalAuthMethods}))`;
  return askStore('d1', async () => {
    const rows = await db.all<Row>(found);
    const identitiesOf = new Map(
      rows.flatMap(({ client_id, identities }) =>
        identities === null ? [] : [[client_id, JSON.parse(identities) as RegisteredIdentity[]]],
      ),
    );
    return rows.map(({ issuer, selector, client_id, organization_id }) => ({
      issuer,
      selector,
      clientId: client_id,
      organizationId: organization_id,
      identities: identitiesOf.get(client_id) ?? [],
    }));
  });
}
