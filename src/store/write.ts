import { sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { generateId } from './id.ts';
import { auditEvents, versionSequence } from './schema.ts';

export type Statement = BatchItem<'sqlite'>;

/** Who did what to what, without any secret value. */
export interface AuditEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly organizationId: string | null;
  /** `root`, or an API key's id. */
  readonly actor: string;
  /** Such as `client.created`. */
  readonly action: string;
  /** The id of what was changed. */
  readonly target: string;
  readonly address: string;
  readonly changes: Record<string, unknown>;
}

/** The version that the write under way takes, for use in its statements. */
export const nextVersion = sql<number>`(SELECT value FROM version_sequence)`;

/**
 * Makes a management write: the statements, the version that they take and the audit event, in one transaction.
 * @throws ConstraintError, StoreUnavailableError
 */
export async function write(db: Database, event: AuditEvent, statements: readonly Statement[]): Promise<void> {
  const takeVersion = db
    .insert(versionSequence)
    .values({ id: 1, value: 1 })
    .onConflictDoUpdate({ target: versionSequence.id, set: { value: sql`${versionSequence.value} + 1` } });
  const record = db.insert(auditEvents).values({ id: generateId('evt'), ...event });
  await askStore('d1', () => db.batch([takeVersion, ...statements, record]));
}
