import { type ReadRecords, readRecords } from '../store/client-records.ts';
import type { Database } from '../store/database.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { type OwedPush, pushesOwedBetween, settlePushes } from '../store/gate-pushes.ts';
import { PUSHES_AT_ONCE, PUSHES_PER_RUN, PUSHES_TIME } from './constants.ts';
import type { Gates } from './gates.ts';
import type { UpdateRequest } from './protocol.ts';

/**
 * Hands some gates the records that they are owed. Whoever stops half-way leaves the rest owed.
 * @throws StoreUnavailableError where a gate, or D1, did not answer
 */
export async function deliverPushes(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<void> {
  let failed = 0;
  for (let begin = 0; begin < owed.length; begin += PUSHES_AT_ONCE) {
    failed += await pushRecords(db, gates, owed.slice(begin, begin + PUSHES_AT_ONCE));
  }
  if (failed > 0) throw new StoreUnavailableError('gate', 'a push failed');
}

/**
 * Goes on with what interrupted writes still owe, gate by gate: what a gate does not take now is owed to it still, however much it is.
 * It begins anywhere and goes round once, so that gates which do not answer hold up no others for long.
 * @returns how many gates took theirs, and how many did not
 * @throws StoreUnavailableError where D1 did not answer
 */
export async function resumePushes(db: Database, gates: Gates): Promise<{ delivered: number; failed: number }> {
  const done = { delivered: 0, failed: 0 };
  const end = Date.now() + PUSHES_TIME * 1000;
  const left = () => (Date.now() < end ? PUSHES_PER_RUN - done.delivered - done.failed : 0);
  const begin = crypto.getRandomValues(new Uint8Array(32)).toHex();
  for (const [from, to] of [[begin, AFTER_ALL_IDS] as const, ['', begin] as const]) {
    for (let last = from; left() > 0; ) {
      const owed = await pushesOwedBetween(db, last, to, Math.min(left(), PUSHES_AT_ONCE));
      const next = owed.at(-1);
      if (!next) break;
      last = next.gate;
      const failed = await pushAsManyAsCan(db, gates, owed);
      done.failed += failed;
      done.delivered += owed.length - failed;
    }
  }
  return done;
}

/** One by one where they cannot be had together: what is too much for D1 in one record must not hold up the others. */
async function pushAsManyAsCan(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<number> {
  try {
    return await pushRecords(db, gates, owed);
  } catch {
    let failed = 0;
    for (const push of owed) failed += await pushRecords(db, gates, [push]).catch(() => 1);
    return failed;
  }
}

// The ids of gates are hexadecimal.
const AFTER_ALL_IDS = 'g';

/**
 * Hands some gates the records of their clients, as they stand now.
 * @returns how many gates did not take theirs; to those it stays owed
 * @throws StoreUnavailableError where D1 did not answer
 */
async function pushRecords(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<number> {
  const clientIds = [...new Set(owed.map(({ clientId }) => clientId))];
  const read = await readRecords(db, clientIds);
  const told = await Promise.all(
    owed.map(async (push) => {
      const update = updateOf(push, read);
      const isTaken = await gates.update(push.gate, update).then(
        () => true,
        () => false,
      );
      return isTaken ? [{ gate: push.gate, version: update.version }] : [];
    }),
  );
  // If this fails they are handed the same once more, which harms nothing.
  await settlePushes(db, told.flat()).catch(() => undefined);
  return owed.length - told.flat().length;
}

function updateOf(
  { gate, clientId, version: owedAt }: OwedPush,
  { version, records, registered }: ReadRecords,
): UpdateRequest {
  const record = records.get(clientId) ?? null;
  if (record === null || registered.has(gate)) return { client_id: clientId, version, record };
  // A gate that is not registered would not hear of later changes: it is told that its client is no more, whoever has the id by now, and
  // as of then, so that it takes that one's record when it next loads.
  return { client_id: clientId, version: owedAt, record: null };
}
