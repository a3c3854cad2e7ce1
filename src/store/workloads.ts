import { eq, sql } from 'drizzle-orm';
import type { RegisteredIdentity } from '../gates/protocol.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clients, clientWorkloads, organizations } from './schema.ts';

/** Where the index of workloads has an identity. */
export interface WorkloadKey {
  readonly issuer: string;
  /** One exact condition of the identity, or empty. */
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
  /** A JSON array. */
  readonly identities: string;
}

/**
 * Finds the active clients at some keys of the index of workloads, with one query. Those of the strict profile are left out, because it does
 * not permit tokens of other issuers.
 * @throws StoreUnavailableError
 */
export function findWorkloads(db: Database, keys: readonly WorkloadKey[]): Promise<FoundWorkload[]> {
  const wanted = sql`json_each(${JSON.stringify(keys)}) AS wanted`;
  // CROSS JOIN fixes the order: first the keys, then the index.
  const found = sql`SELECT ${clientWorkloads.issuer}, ${clientWorkloads.selector}, ${clients.clientId} AS client_id,
    ${clients.organizationId} AS organization_id, ${clients.federatedIdentities} AS identities
    FROM ${wanted}
    CROSS JOIN ${clientWorkloads} ON ${clientWorkloads.issuer} = wanted.value ->> 'issuer'
      AND ${clientWorkloads.selector} = wanted.value ->> 'selector'
    CROSS JOIN ${clients} ON ${clients.clientId} = ${clientWorkloads.clientId}
    CROSS JOIN ${organizations} ON ${organizations.id} = ${clients.organizationId}
    WHERE ${eq(clients.status, 'active')} AND ${eq(organizations.status, 'active')}
      AND ${eq(clients.securityProfile, 'standard')} AND ${eq(organizations.securityProfile, 'standard')}
      AND 'federated_jwt' IN (SELECT ${clients.tokenEndpointAuthMethod}
        UNION ALL SELECT value FROM json_each(${clients.additionalAuthMethods}))`;
  return askStore('d1', async () => {
    const rows = await db.all<Row>(found);
    return rows.map(({ issuer, selector, client_id, organization_id, identities }) => ({
      issuer,
      selector,
      clientId: client_id,
      organizationId: organization_id,
      identities: JSON.parse(identities) as RegisteredIdentity[],
    }));
  });
}
