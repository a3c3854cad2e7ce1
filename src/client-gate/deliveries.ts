import type { FeedOutboxRow, GateAuditEvent, LiveRevocation, OutboxRow, OwedCopy } from '../gates/protocol.ts';
import { isJsonObject } from '../lib/json.ts';
import type { Env } from '../platform/env.ts';
import { recordEvents } from '../store/audit-events.ts';
import { type Database, database } from '../store/database.ts';
import { insertLiveRevocations } from '../store/live-revocations.ts';
import { putCopy } from '../store/revocation-copies.ts';
import {
  DELIVERIES_AT_ONCE,
  DELIVERIES_PER_ALARM,
  FEED_ROWS_PER_ALARM,
  OUTBOX_RETRY_MAX,
  REFUSED_EVENT_AGE,
  SINGLE_INSERTS_PER_ALARM,
} from './constants.ts';
import type { FeedOutbox, Outbox } from './outbox.ts';

/** How many outbox rows an alarm delivered, and how many it could not, as the log shows them. */
export interface DeliveryCounts {
  readonly copies: number;
  readonly copies_failed: number;
  readonly events: number;
  readonly events_failed: number;
}

/** The result of an alarm's deliveries. */
export interface Deliveries {
  readonly counts: DeliveryCounts;
  /** Ids of the audit events that were deleted because D1 refused them and they had reached `REFUSED_EVENT_AGE`. */
  readonly dropped: readonly string[];
}

/** Delivers the outbox rows that are due to KV and D1. Rows that a store does not take stay owed. Never throws. */
export async function deliver(outbox: Outbox, { KV, DB }: Pick<Env, 'KV' | 'DB'>): Promise<Deliveries> {
  const due = outbox.due(Date.now(), DELIVERIES_PER_ALARM);
  const copies = due.filter((row) => row.store === 'kv');
  const events = due.filter((row) => row.store === 'd1');
  const [copiesPut, { recorded, failed, dropped }] = await Promise.all([
    putCopies(outbox, KV, copies),
    insertEvents(outbox, database(DB), events),
  ]);
  const counts = {
    copies: copiesPut,
    copies_failed: copies.length - copiesPut,
    events: recorded,
    events_failed: failed,
  };
  return { counts, dropped };
}

/** How many revocations an alarm inserted for the feed, and how many it could not. */
export interface RevocationCounts {
  readonly revocations: number;
  readonly revocations_failed: number;
}

/** Inserts the revocations that are due into D1, for the feed. Those that D1 does not take stay owed. Never throws. */
export async function deliverRevocations(outbox: FeedOutbox, { DB }: Pick<Env, 'DB'>): Promise<RevocationCounts> {
  const due = outbox.due(Date.now(), FEED_ROWS_PER_ALARM);
  if (due.length === 0) return { revocations: 0, revocations_failed: 0 };
  const known = due.flatMap((row) => revocationOf(row) ?? []);
  const isTaken = await insertLiveRevocations(database(DB), known, Date.now()).then(
    () => true,
    () => false,
  );
  let revocations = 0;
  for (const row of due) {
    // A row of a later version waits for that version.
    if (!isTaken || !revocationOf(row)) outbox.failed(row, Date.now());
    else {
      outbox.delivered(row, Date.now());
      revocations++;
    }
  }
  return { revocations, revocations_failed: due.length - revocations };
}

/** Parses a revocation, or returns undefined if this version does not know its kind. */
function revocationOf({ value }: FeedOutboxRow): LiveRevocation | undefined {
  try {
    const revocation = JSON.parse(value) as LiveRevocation;
    return revocation.kind === 'token' || revocation.kind === 'client' ? revocation : undefined;
  } catch {
    return undefined;
  }
}

type DueCopy = OutboxRow & OwedCopy;

/** Puts a few copies at a time. Once KV takes none of a group, the remaining ones are postponed as well. */
async function putCopies(outbox: Outbox, kv: KVNamespace, copies: readonly DueCopy[]): Promise<number> {
  let taken = 0;
  for (let begin = 0; begin < copies.length; begin += DELIVERIES_AT_ONCE) {
    const end = begin + DELIVERIES_AT_ONCE;
    const results = await Promise.all(copies.slice(begin, end).map((copy) => put(outbox, kv, copy)));
    const takenNow = results.filter(Boolean).length;
    taken += takenNow;
    if (takenNow > 0) continue;
    for (const copy of copies.slice(end)) outbox.failed(copy, Date.now());
    break;
  }
  return taken;
}

async function put(outbox: Outbox, kv: KVNamespace, copy: DueCopy): Promise<boolean> {
  try {
    await putCopy(kv, copy, Date.now());
    outbox.delivered(copy, Date.now());
    return true;
  } catch {
    outbox.failed(copy, Date.now());
    return false;
  }
}

/**
 * Whether D1 took an insert, refused what it holds, or failed otherwise: it did not answer, or refused for a reason that we do not know.
 */
type InsertOutcome = 'recorded' | 'refused' | 'unavailable';

/**
 * Inserts audit events together, or one by one if D1 does not take them together: one bad event must not block the others. Events beyond
 * `SINGLE_INSERTS_PER_ALARM` are then not tried. They stay due, so that the next alarm follows at once.
 */
async function insertEvents(
  outbox: Outbox,
  db: Database,
  rows: readonly OutboxRow[],
): Promise<{ recorded: number; failed: number; dropped: string[] }> {
  const outcome = rows.length === 0 ? 'recorded' : await insert(db, rows);
  const isFinal = outcome === 'recorded' || rows.length === 1;
  const outcomes = isFinal ? rows.map(() => outcome) : await insertOneByOne(db, rows);
  const dropped: string[] = [];
  for (const [index, row] of rows.slice(0, outcomes.length).entries()) {
    const now = Date.now();
    if (outcomes[index] === 'recorded') outbox.delivered(row, now);
    else if (outcomes[index] === 'refused' && ageOf(row, now) >= REFUSED_EVENT_AGE * 1000) {
      outbox.drop(row);
      dropped.push(row.key);
    } else outbox.failed(row, now);
  }
  const recorded = outcomes.filter((each) => each === 'recorded').length;
  return { recorded, failed: outcomes.length - recorded, dropped };
}

/** Inserts the first `SINGLE_INSERTS_PER_ALARM` events. @returns their outcomes, or those of all events if D1 is unavailable */
async function insertOneByOne(db: Database, rows: readonly OutboxRow[]): Promise<InsertOutcome[]> {
  const outcomes: InsertOutcome[] = [];
  for (const row of rows.slice(0, SINGLE_INSERTS_PER_ALARM)) {
    const outcome = await insert(db, [row]);
    outcomes.push(outcome);
    // Stops asking once D1 does not answer, so that an outage costs two calls and not one for each event.
    if (outcome === 'unavailable') return rows.map((_, index) => outcomes[index] ?? 'unavailable');
  }
  return outcomes;
}

async function insert(db: Database, rows: readonly OutboxRow[]): Promise<InsertOutcome> {
  const events = rows.map(eventOf).filter((event) => event !== undefined);
  if (events.length < rows.length) return 'refused';
  try {
    return (await recordEvents(db, events, Date.now())) ? 'recorded' : 'refused';
  } catch {
    return 'unavailable';
  }
}

/** Parses an event, or returns undefined if the row holds none. D1 itself would store a time of any type. */
function eventOf({ value }: OutboxRow): GateAuditEvent | undefined {
  try {
    const event: unknown = JSON.parse(value);
    return isJsonObject(event) && typeof event.at === 'number' ? (event as unknown as GateAuditEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns an event's age in milliseconds. */
function ageOf(row: OutboxRow, now: number): number {
  const event = eventOf(row);
  // Without a readable time the age is estimated by the number of attempts: almost every wait takes at least half of the maximum.
  return event ? now - event.at : (row.attempts * OUTBOX_RETRY_MAX * 1000) / 2;
}
