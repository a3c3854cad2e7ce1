import { PUSHES_AT_ONCE, PUSHES_PER_RUN } from '../constants.ts';
import { readRecords } from '../store/client-records.ts';
import type { Database } from '../store/database.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { type OwedPush, pushesOwedAfter, settlePushes } from '../store/gate-pushes.ts';
import type { Gates } from './gates.ts';

/**
 * Hands some gates the records that they are owed. Whoever stops half-way leaves the rest owed.
 * @throws StoreUnavailableError where a gate, or D1, did not answer
 */
export async function deliverPushes(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<void> {
  for (let begin = 0; begin < owed.length; begin += PUSHES_AT_ONCE) {
    const failed = await pushRecords(db, gates, owed.slice(begin, begin + PUSHES_AT_ONCE));
    if (failed > 0) throw new StoreUnavailableError('gate', undefined);
  }
}

/**
 * Goes on with what interrupted writes still owe, the oldest first: what a gate does not take now is owed to it still.
 * @returns how many gates took theirs, and how many did not
 * @throws StoreUnavailableError where D1 did not answer
 */
export async function resumePushes(db: Database, gates: Gates): Promise<{ delivered: number; failed: number }> {
  const done = { delivered: 0, failed: 0 };
  let last = { version: 0, gate: '' };
  while (done.delivered + done.failed < PUSHES_PER_RUN) {
    const owed = await pushesOwedAfter(db, last, PUSHES_AT_ONCE);
    const next = owed.at(-1);
    if (!next) break;
    last = next;
    const failed = await pushRecords(db, gates, owed);
    done.failed += failed;
    done.delivered += owed.length - failed;
  }
  return done;
}

/**
 * Hands some gates the records of their clients, as they stand now.
 * @returns how many gates did not take theirs; to those it stays owed
 * @throws StoreUnavailableError where D1 did not answer
 */
async function pushRecords(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<number> {
  const clientIds = [...new Set(owed.map(({ clientId }) => clientId))];
  const { version, records } = await readRecords(db, clientIds);
  const pushes = await Promise.allSettled(
    owed.map(({ gate, clientId }) =>
      gates.update(gate, { client_id: clientId, version, record: records.get(clientId) ?? null }),
    ),
  );
  const taken = owed.filter((_, index) => pushes[index]?.status === 'fulfilled').map(({ gate }) => gate);
  // If this fails they are handed the same once more, which harms nothing.
  if (taken.length > 0) await settlePushes(db, taken, version).catch(() => undefined);
  return owed.length - taken.length;
}
