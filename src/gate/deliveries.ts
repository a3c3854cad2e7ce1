import { DELIVERIES_AT_ONCE } from '../constants.ts';
import type { Env } from '../env.ts';
import { type AuditEventRow, recordEvents } from '../store/audit-events.ts';
import { database } from '../store/database.ts';
import { putCopy } from '../store/revocation-copies.ts';
import type { Attempted, Outbox } from './outbox.ts';

/** What became of what was due. */
export interface Deliveries {
  readonly copies: number;
  readonly copies_failed: number;
  readonly events: number;
  readonly events_failed: number;
}

/** Hands KV and D1 what a gate owes them now. What they do not take stays owed: nothing is thrown. */
export async function deliver(outbox: Outbox, { KV, DB }: Pick<Env, 'KV' | 'DB'>): Promise<Deliveries> {
  const due = outbox.due(Date.now(), DELIVERIES_AT_ONCE);
  const copies = due.filter(({ store }) => store === 'kv');
  const events = due.filter(({ store }) => store === 'd1');
  const attempt = async (owed: readonly Attempted[], send: () => Promise<void>) => {
    const isTaken = await send().then(
      () => true,
      () => false,
    );
    for (const one of owed) isTaken ? outbox.delivered(one) : outbox.failed(one, Date.now());
    return isTaken ? 0 : owed.length;
  };
  const [eventsFailed, ...copiesFailed] = await Promise.all([
    attempt(events, () =>
      recordEvents(
        database(DB),
        events.map(({ value }) => JSON.parse(value) as AuditEventRow),
      ),
    ),
    ...copies.map((copy) =>
      attempt([copy], () => putCopy(KV, { ...copy, expires_at: copy.expires_at ?? 0 }, Date.now())),
    ),
  ]);
  const failed = copiesFailed.reduce((sum, count) => sum + count, 0);
  return {
    copies: copies.length - failed,
    copies_failed: failed,
    events: events.length - eventsFailed,
    events_failed: eventsFailed,
  };
}
