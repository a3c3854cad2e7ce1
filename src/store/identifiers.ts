import { asc, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import { comparableForm } from '../lib/identifier.ts';
import { currentTrace } from '../log/trace.ts';
import { SCHEDULE } from './actors.ts';
import { IDENTIFIERS_PER_RUN, RESERVATION_AGE, RESERVATION_EXTENDED_BELOW } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents, gatePushes, reservedIdentifiers, resourceServers } from './schema.ts';
import { among, listOf } from './sql.ts';
import { owe, wakeOwed } from './webhook-outbox.ts';
import { nextVersion, type Statement } from './write.ts';

// The identifiers of resource servers are unique by their comparable form, which D1 cannot compute. Rows of older code have none until
// `migrateIdentifiers()` has run. The identifier of a deleted resource server is reserved while tokens for it may be valid.

/** A resource server whose identifier has a certain form. */
export interface IdentifierHolder {
  readonly identifier: string;
  /** null if it is shared. */
  readonly organizationId: string | null;
}

export type Reservation = typeof reservedIdentifiers.$inferSelect;

/** Why an identifier may not be free, as far as D1 knows at one moment. */
export interface IdentifierClaims {
  readonly form: string;
  readonly holder: IdentifierHolder | undefined;
  readonly reservation: Reservation | undefined;
  /** The ids of the resource servers whose form was not stored, and was computed for `holder`. */
  readonly unmigrated: readonly string[];
}

/**
 * Finds who holds an identifier, in any spelling, and whether it is reserved.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function findIdentifierClaims(db: Database, identifier: string, now: number): Promise<IdentifierClaims> {
  const form = comparableForm(identifier);
  const columns = {
    id: resourceServers.id,
    identifier: resourceServers.identifier,
    organizationId: resourceServers.organizationId,
    comparable: resourceServers.comparable,
  };
  const [servers, [reservation]] = await askStore('d1', () =>
    db.batch([
      db
        .select(columns)
        .from(resourceServers)
        .where(or(eq(resourceServers.comparable, form), isNull(resourceServers.comparable))),
      db.select().from(reservedIdentifiers).where(isReserved(form, now)),
    ]),
  );
  const unmigrated = servers.filter((server) => server.comparable === null).map(({ id }) => id);
  const holder = servers.find((server) => comparableForm(server.identifier) === form);
  return { form, holder, reservation, unmigrated };
}

// A gate that is owed the deletion still issues tokens, however long ago it was.
function isReserved(form: string, now: number): SQL {
  const { comparable, expiresAt } = reservedIdentifiers;
  return sql`${comparable} = ${form} AND (${expiresAt} > ${now} OR ${isDeletionOwed})`;
}

const isDeletionOwed = sql`EXISTS (SELECT 1 FROM ${gatePushes} WHERE ${gatePushes.version} = ${reservedIdentifiers.version})`;

/** Whether the claims are still those that were read, and no gate owes a former holder's deletion; for the guard of a write. */
export function areClaimsUnchanged({ form, reservation, unmigrated }: IdentifierClaims, now: number): SQL {
  const { comparable, id } = resourceServers;
  const version = reservation?.version ?? null;
  return sql`NOT EXISTS (SELECT 1 FROM ${resourceServers} WHERE ${comparable} IS NULL AND ${id} NOT IN (${listOf(unmigrated)}))
    AND (SELECT version FROM ${reservedIdentifiers} WHERE ${isReserved(form, now)}) IS ${version}
    AND NOT EXISTS (SELECT 1 FROM ${gatePushes} WHERE version = ${version})`;
}

/**
 * Builds the statement that reserves the identifiers of resource servers that are about to be deleted, each for its organization. If two
 * organizations had the same identifier in turn, both may have valid tokens for it, and it is reserved for neither (`''`).
 * @param ids selects the ids of the resource servers
 * @param unstored the forms that `migrateIdentifiers()` could not store
 * @param now milliseconds since the epoch
 */
export function reserveIdentifiers(db: Database, ids: SQL, unstored: readonly UnstoredForm[], now: number): Statement {
  const { organizationId } = reservedIdentifiers;
  const form = sql`(SELECT value ->> 'form' FROM json_each(${JSON.stringify(unstored)}) WHERE value ->> 'id' = ${resourceServers.id})`;
  return db
    .insert(reservedIdentifiers)
    .select(
      sql`SELECT coalesce(comparable, ${form}, identifier), organization_id, ${nextVersion}, ${now + RESERVATION_AGE * 1000}
        FROM ${resourceServers} WHERE ${among(resourceServers.id, ids)}`,
    )
    .onConflictDoUpdate({
      target: reservedIdentifiers.comparable,
      set: {
        organizationId: sql`CASE WHEN ${organizationId} IS excluded.organization_id THEN ${organizationId} ELSE '' END`,
        version: sql`excluded.version`,
        expiresAt: sql`excluded.expires_at`,
      },
    });
}

/**
 * Builds the statement that extends reservations while gates are owed the deletion: until then they issue tokens for the deleted
 * resource server. Writes a row every half hour, not at each run.
 */
export function extendReservations(db: Database, now: number) {
  const { expiresAt } = reservedIdentifiers;
  return db
    .update(reservedIdentifiers)
    .set({ expiresAt: now + RESERVATION_AGE * 1000 })
    .where(sql`${expiresAt} < ${now + RESERVATION_EXTENDED_BELOW * 1000} AND ${isDeletionOwed}`);
}

/** The comparable form of a resource server whose row cannot have it, because another one has it. */
export interface UnstoredForm {
  readonly id: string;
  readonly form: string;
}

/** Two resource servers from before forms were unique, whose identifiers some verifiers take for one another. */
interface Collision extends UnstoredForm {
  readonly identifier: string;
  readonly organizationId: string | null;
  readonly otherId: string;
  readonly otherIdentifier: string;
  readonly otherOrganizationId: string | null;
}

/**
 * Stores the comparable form of resource servers that have none, up to `IDENTIFIERS_PER_RUN`. A form that another one has already is not
 * stored: both resource servers keep working, and an audit event without an organization, so that only the root key sees it, names them.
 * @param now milliseconds since the epoch
 * @returns how many forms were stored, those that could not be, and the collisions that had no event yet
 * @throws StoreUnavailableError
 */
export async function migrateIdentifiers(
  db: Database,
  now: number,
): Promise<{
  readonly migrated: number;
  readonly unstored: readonly UnstoredForm[];
  readonly collisions: readonly Collision[];
}> {
  const { id, identifier, comparable, createdAt } = resourceServers;
  const unmigrated = await askStore('d1', () =>
    db
      .select({ id, identifier })
      .from(resourceServers)
      .where(isNull(comparable))
      .orderBy(asc(createdAt))
      .limit(IDENTIFIERS_PER_RUN),
  );
  if (unmigrated.length === 0) return { migrated: 0, unstored: [], collisions: [] };
  const forms = JSON.stringify(unmigrated.map((row) => ({ id: row.id, form: comparableForm(row.identifier) })));
  await askStore('d1', () => storeForms(db, forms));
  const collisions = await askStore('d1', () => selectCollisions(db, forms));
  const added = await recordCollisions(db, collisions, now);
  const isNew = ({ id }: Collision) => added.has(collisionEvent(id));
  return {
    migrated: unmigrated.length - collisions.length,
    unstored: collisions.map(({ id, form }) => ({ id, form })),
    collisions: collisions.filter(isNew),
  };
}

/** @param forms a JSON array of ids with their forms */
function storeForms(db: Database, forms: string) {
  const { id, comparable } = resourceServers;
  // IGNORE leaves a row as it is if another one has its form.
  return db.run(sql`UPDATE OR IGNORE ${resourceServers} SET comparable = json_each.value ->> 'form' FROM json_each(${forms})
    WHERE ${id} = json_each.value ->> 'id' AND ${comparable} IS NULL`);
}

function selectCollisions(db: Database, forms: string): Promise<Collision[]> {
  return db.all<Collision>(sql`SELECT server.id, json_each.value ->> 'form' AS form, server.identifier,
      server.organization_id AS organizationId,
      other.id AS otherId, other.identifier AS otherIdentifier, other.organization_id AS otherOrganizationId
    FROM json_each(${forms})
    JOIN ${resourceServers} AS server ON server.id = json_each.value ->> 'id' AND server.comparable IS NULL
    JOIN ${resourceServers} AS other ON other.comparable = json_each.value ->> 'form'`);
}

// A resource server has one event, however often the scheduled handler meets it.
function collisionEvent(id: string): string {
  return `evt_collision_${id}`;
}

/** Records collisions. Returns the ids of the events that are new. */
async function recordCollisions(
  db: Database,
  collisions: readonly Collision[],
  now: number,
): Promise<ReadonlySet<string>> {
  if (collisions.length === 0) return new Set();
  const events = collisions.map(({ id, identifier, organizationId, ...other }) => ({
    id: collisionEvent(id),
    target: id,
    changes: {
      identifier,
      organization_id: organizationId,
      collides_with: {
        id: other.otherId,
        identifier: other.otherIdentifier,
        organization_id: other.otherOrganizationId,
      },
    },
  }));
  // One statement for all events, since D1 binds at most 100 parameters. The columns are in the table's order.
  const rows = sql`SELECT value ->> 'id', ${now}, NULL, ${SCHEDULE}, 'resource_server.identifier_collides', value ->> 'target', '',
    value -> 'changes', NULL, ${currentTrace()?.requestId ?? null} FROM json_each(${JSON.stringify(events)}) WHERE TRUE`;
  const record = db.insert(auditEvents).select(rows).onConflictDoNothing().returning({ id: auditEvents.id });
  const ids = events.map(({ id }) => id);
  const [added] = await askStore('d1', () => db.batch([record, owe(db, 'audit', ids, now), wakeOwed(db, ids, now)]));
  return new Set(added.map(({ id }) => id));
}
