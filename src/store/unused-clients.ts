import { and, asc, eq, isNotNull, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { SCHEDULE } from './actors.ts';
import { isClientAt } from './clients.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { isOrganizationAt, type Organization } from './organizations.ts';
import { clients, gates, lastUseOf, organizations } from './schema.ts';
import { allOf, listOf } from './sql.ts';
import { insertNotices, type Notice, owe, wakeOwed } from './webhook-outbox.ts';
import { nextVersion, type Written, write } from './write.ts';

// What the policy for unused clients reads and writes. Times are milliseconds since the epoch.

/** An organization whose clients are due to be looked through. */
export type DueOrganization = Organization;

/** Returns the organization that has been due for the longest time, if any is. @throws StoreUnavailableError */
export async function nextDueOrganization(db: Database, now: number): Promise<DueOrganization | undefined> {
  const isDue = and(isNotNull(organizations.unusedCheckAt), lte(organizations.unusedCheckAt, now));
  const due = db.select().from(organizations).where(isDue).orderBy(asc(organizations.unusedCheckAt)).limit(1);
  return (await askStore('d1', () => due))[0];
}

/** How far the look through an organization's clients is: the last use and the id of the last client. */
export type UnusedCursor = NonNullable<Organization['unusedCursor']>;

/**
 * Notes how far a look is, and when it goes on. Changes nothing if the organization, or the look, went on meanwhile.
 * @throws StoreUnavailableError
 */
export async function noteLook(
  db: Database,
  { id, version, unusedCursor }: DueOrganization,
  { cursor, checkAt }: { cursor: UnusedCursor | null; checkAt: number },
): Promise<void> {
  const before = unusedCursor && JSON.stringify(unusedCursor);
  const isSame = and(
    eq(organizations.id, id),
    eq(organizations.version, version),
    sql`${organizations.unusedCursor} IS ${before}`,
  );
  const noted = { unusedCursor: cursor, unusedCheckAt: checkAt };
  await askStore('d1', () => db.update(organizations).set(noted).where(isSame));
}

/** An active client, as the policy sees it. */
export interface UnusedClient {
  readonly clientId: string;
  readonly clientName: string;
  readonly owner: string | null;
  readonly version: number;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
  readonly enabledAt: number | null;
  readonly reportedAt: number | null;
  readonly expiresAt: number | null;
  readonly isExcepted: boolean;
  /** Whether a gate knows more about its last use. */
  readonly hasGate: boolean;
}

/**
 * Returns active clients of an organization that were not used after a time, those first whose last use is the longest ago.
 * @param after excludes clients up to this one
 * @throws StoreUnavailableError
 */
export async function listUnused(
  db: Database,
  organizationId: string,
  { upTo, after, limit }: { upTo: number; after: UnusedCursor | null; limit: number },
): Promise<UnusedClient[]> {
  const lastUse = lastUseOf(clients);
  const page = db
    .select({
      clientId: clients.clientId,
      clientName: clients.clientName,
      owner: clients.owner,
      version: clients.version,
      createdAt: clients.createdAt,
      lastUsedAt: clients.lastUsedAt,
      enabledAt: clients.enabledAt,
      reportedAt: clients.unusedReportedAt,
      expiresAt: clients.expiresAt,
      isExcepted: clients.unusedExcepted,
      // Qualified by hand: in a query of one table Drizzle leaves out the names of tables.
      hasGate: sql<number>`EXISTS (SELECT 1 FROM ${gates} WHERE ${gates}.client_id = ${clients}.client_id)`,
    })
    .from(clients)
    .where(
      and(
        eq(clients.organizationId, organizationId),
        eq(clients.status, 'active'),
        sql`${lastUse} <= ${upTo}`,
        after === null ? undefined : sql`${lastUse} >= ${after[0]}`,
        after === null ? undefined : sql`(${lastUse} > ${after[0]} OR ${clients.clientId} > ${after[1]})`,
      ),
    )
    .orderBy(asc(lastUse), asc(clients.clientId))
    .limit(limit);
  const found = await askStore('d1', () => page);
  return found.map((client) => ({ ...client, hasGate: client.hasGate === 1 }));
}

/** A client, and when it was last used as far as its gate and D1 know; null for never. */
export interface KnownUse {
  readonly client: UnusedClient;
  readonly usedAt: number | null;
}

/**
 * Writes last uses that D1 did not know, and reports clients as unused: once, however many do it at the same time. A client that was
 * changed or used meanwhile is not reported.
 * @param notices one for each reported client, in the same order
 * @throws StoreUnavailableError
 */
export async function recordLook(
  db: Database,
  { used, reported, notices }: { used: readonly KnownUse[]; reported: readonly KnownUse[]; notices: readonly Notice[] },
  now: number,
): Promise<void> {
  const late = [...used, ...reported].filter(({ client, usedAt }) => (usedAt ?? 0) > (client.lastUsedAt ?? 0));
  const uses = late.map(({ client, usedAt }) => [client.clientId, usedAt]);
  const marks = reported.map(({ client, usedAt }) => ({
    target: client.clientId,
    version: client.version,
    used: usedAt,
    before: client.reportedAt,
  }));
  const isUnchanged = sql`${clients.clientId} = value ->> 'target' AND ${clients.status} = 'active'
    AND ${clients.version} = value ->> 'version' AND ${clients.lastUsedAt} IS value ->> 'used'
    AND ${clients.unusedReportedAt} IS value ->> 'before'`;
  const unchanged = sql`SELECT ${clients.clientId} FROM json_each(${JSON.stringify(marks)}) CROSS JOIN ${clients} ON ${isUnchanged}`;
  const ids = notices.map(({ id }) => id);
  const statements = [
    ...(uses.length > 0 ? [recordUses(db, uses)] : []),
    ...(notices.length > 0
      ? [
          insertNotices(db, notices, sql`value ->> 'target' IN (${unchanged})`),
          owe(db, 'notices', ids, now),
          wakeOwed(db, ids, now),
          db.update(clients).set({ unusedReportedAt: now }).where(sql`${clients.clientId} IN (${unchanged})`),
        ]
      : []),
  ] as const;
  const [first, ...others] = statements;
  if (first) await askStore('d1', () => db.batch([first, ...others]));
}

function recordUses(db: Database, uses: readonly (readonly [string, number | null] | (string | number | null)[])[]) {
  const use = sql`(SELECT value ->> 1 FROM json_each(${JSON.stringify(uses)}) WHERE value ->> 0 = ${clients.clientId})`;
  const ids = listOf(uses.map(([clientId]) => String(clientId)));
  return db
    .update(clients)
    .set({ lastUsedAt: use })
    .where(
      and(
        sql`${clients.clientId} IN (${ids})`,
        or(isNull(clients.lastUsedAt), lt(clients.lastUsedAt, use as SQL<number>)),
      ),
    );
}

/**
 * Disables a client as unused, unless it or its organization was changed, or the client was used, since they were read. Its tokens need no
 * revocation: a policy counts in days, and no token lives longer than one.
 * @throws StaleWriteError, StoreUnavailableError
 */
export function disableUnused(
  db: Database,
  organization: DueOrganization,
  { client, usedAt }: KnownUse,
  now: number,
): Promise<Written> {
  const { clientId, lastUsedAt, hasGate } = client;
  const isUnused = sql`EXISTS (SELECT 1 FROM ${clients} WHERE ${clients.clientId} = ${clientId} AND ${clients.lastUsedAt} IS ${lastUsedAt})`;
  // The gate of a client's first use registers before it loads the record.
  const hasNoGate = sql`NOT EXISTS (SELECT 1 FROM ${gates} WHERE ${gates.clientId} = ${clientId})`;
  return write(db, {
    event: {
      at: now,
      organizationId: organization.id,
      actor: SCHEDULE,
      action: 'client.updated',
      target: clientId,
      address: '',
      changes: { status: 'disabled', disabled_reason: 'unused' },
    },
    guard: allOf(isClientAt(client), isOrganizationAt(organization), isUnused, hasGate ? undefined : hasNoGate),
    affectedClients: listOf([clientId]),
    statements: [
      db
        .update(clients)
        .set({
          status: 'disabled',
          unusedSince: usedAt ?? 0,
          lastUsedAt: usedAt,
          updatedAt: now,
          version: nextVersion,
        })
        .where(eq(clients.clientId, clientId)),
    ],
  });
}

/**
 * Enables a client again that was disabled as unused, because its gate knows of a use that was not known then. Its tokens stay valid.
 * @throws StaleWriteError if it is not disabled as unused any more, or was used before that; StoreUnavailableError
 */
export async function enableUsed(
  db: Database,
  { clientId, organizationId, usedAt }: { clientId: string; organizationId: string; usedAt: number },
  now: number,
): Promise<void> {
  const isWrong = and(
    eq(clients.clientId, clientId),
    eq(clients.status, 'disabled'),
    isNotNull(clients.unusedSince),
    lt(clients.unusedSince, usedAt),
  );
  await write(db, {
    event: {
      at: now,
      organizationId,
      actor: SCHEDULE,
      action: 'client.updated',
      target: clientId,
      address: '',
      changes: { status: 'active', disabled_reason: null },
    },
    guard: sql`EXISTS (SELECT 1 FROM ${clients} WHERE ${isWrong})`,
    affectedClients: listOf([clientId]),
    statements: [
      db
        .update(clients)
        .set({
          status: 'active',
          unusedSince: null,
          lastUsedAt: sql`MAX(COALESCE(${clients.lastUsedAt}, 0), ${usedAt})`,
          updatedAt: now,
          version: nextVersion,
        })
        .where(eq(clients.clientId, clientId)),
    ],
  });
}
