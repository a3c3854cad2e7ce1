import type { GateAuditEvent, OutboxRow } from '../gates/protocol.ts';
import type { Env } from '../platform/env.ts';
import { recordEvents } from '../store/audit-events.ts';
import { database } from '../store/database.ts';
import { putCopy } from '../store/revocation-copies.ts';
import { DELIVERIES_AT_ONCE, DELIVERIES_PER_ALARM } from './constants.ts';
import type { Outbox } from './outbox.ts';

/** What became of what was due. */
export interface Deliveries {
  readonly copies: number;
  readonly copies_failed: number;
  readonly events: number;
  readonly events_failed: number;
}

/** Hands KV and D1 what a gate owes them now. What they do not take stays owed: nothing is thrown. */
export async function deliver(outbox: Outbox, { KV, DB }: Pick<Env, 'KV' | 'DB'>): Promise<Deliveries> {
  const due = outbox.due(Date.now(), DELIVERIES_PER_ALARM);
  const copies = due.filter(({ store }) => store === 'kv');
  const events = due.filter(({ store }) => store === 'd1');
  const put = (copy: OutboxRow) =>
    attempt(outbox, [copy], () => putCopy(KV, { ...copy, expires_at: copy.expires_at ?? 0 }, Date.now()));
  const [eventsTaken, copiesTaken] = await Promise.all([
    attempt(outbox, events, () => recordEvents(database(DB), events.map(eventOf))),
    putAll(outbox, copies, put),
  ]);
  return {
    copies: copiesTaken,
    copies_failed: copies.length - copiesTaken,
    events: eventsTaken,
    events_failed: events.length - eventsTaken,
  };
}

/** Puts some at a time, until KV takes none of them: the others then wait as well. */
async function putAll(
  outbox: Outbox,
  copies: readonly OutboxRow[],
  put: (copy: OutboxRow) => Promise<number>,
): Promise<number> {
  let taken = 0;
  for (let begin = 0; begin < copies.length; begin += DELIVERIES_AT_ONCE) {
    const end = begin + DELIVERIES_AT_ONCE;
    const results = await Promise.all(copies.slice(begin, end).map(put));
    taken += sum(results);
    if (sum(results) > 0) continue;
    for (const copy of copies.slice(end)) outbox.failed(copy, Date.now());
    break;
  }
  return taken;
}

async function attempt(outbox: Outbox, owed: readonly OutboxRow[], send: () => Promise<void>): Promise<number> {
  try {
    await send();
    for (const one of owed) outbox.delivered(one, Date.now());
    return owed.length;
  } catch {
    for (const one of owed) outbox.failed(one, Date.now());
    return 0;
  }
}

function eventOf({ value }: OutboxRow): GateAuditEvent {
  return JSON.parse(value) as GateAuditEvent;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
