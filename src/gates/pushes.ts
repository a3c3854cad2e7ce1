import { type ReadRecords, readRecords } from '../store/client-records.ts';
import type { Database } from '../store/database.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { type OwedPush, pushesOwedBetween, settlePushes } from '../store/gate-pushes.ts';
import { enableUsed } from '../store/unused-clients.ts';
import { PUSHES_AT_ONCE, PUSHES_PER_RUN, PUSHES_TIME } from './constants.ts';
import type { Gates } from './gates.ts';
import type { UpdateRequest } from './protocol.ts';

/**
 * Delivers owed pushes. If it is interrupted, the remaining ones stay owed.
 * @throws StoreUnavailableError if a gate or D1 did not answer
 */
export async function deliverPushes(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<void> {
  let failed = 0;
  for (let begin = 0; begin < owed.length; begin += PUSHES_AT_ONCE) {
    failed += await pushRecords(db, gates, owed.slice(begin, begin + PUSHES_AT_ONCE));
  }
  if (failed > 0) throw new StoreUnavailableError('gate', 'a push failed');
}

/**
 * Delivers the pushes that interrupted writes still owe. A push that a gate does not take stays owed. Starts at a random gate and goes
 * round once, so that gates which do not answer delay the others only for a short time.
 * @returns how many pushes were delivered, and how many failed
 * @throws StoreUnavailableError if D1 did not answer
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
      const failed = await pushAsManyAsPossible(db, gates, owed);
      done.failed += failed;
      done.delivered += owed.length - failed;
    }
  }
  return done;
}

/** Delivers pushes together, or one by one if that fails: one record that is too big for D1 must not block the others. */
async function pushAsManyAsPossible(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<number> {
  try {
    return await pushRecords(db, gates, owed);
  } catch {
    let failed = 0;
    for (const push of owed) failed += await pushRecords(db, gates, [push]).catch(() => 1);
    return failed;
  }
}

// Gate ids are hexadecimal, so this sorts after all of them.
const AFTER_ALL_IDS = 'g';

/**
 * Reads the current records of some gates' clients and pushes them.
 * @returns how many gates did not take their push; it stays owed
 * @throws StoreUnavailableError if D1 did not answer
 */
async function pushRecords(db: Database, gates: Gates, owed: readonly OwedPush[]): Promise<number> {
  const clientIds = [...new Set(owed.map(({ clientId }) => clientId))];
  const read = await readRecords(db, clientIds);
  const taken = await Promise.all(
    owed.map(async (push) => {
      const update = updateOf(push, read);
      const isTaken = await deliver(db, gates, push, update).then(
        () => true,
        () => false,
      );
      return isTaken ? [{ gate: push.gate, version: update.version }] : [];
    }),
  );
  // If this fails, the same records are pushed once more, which is harmless.
  await settlePushes(db, taken.flat()).catch(() => undefined);
  return owed.length - taken.flat().length;
}

/**
 * Delivers one push. If the gate knows that the client, which the record disables as unused, was used, the client is enabled in D1 first:
 * the push stays owed until that is done.
 * @throws StoreUnavailableError, StaleWriteError if it was not delivered
 */
async function deliver(db: Database, gates: Gates, { gate, clientId }: OwedPush, update: UpdateRequest): Promise<void> {
  const { used_at: usedAt } = await gates.update(gate, update);
  if (usedAt === undefined || !update.record) return;
  await enableUsed(db, { clientId, organizationId: update.record.organization_id, usedAt }, Date.now());
}

function updateOf(
  { gate, clientId, version: owedAt }: OwedPush,
  { version, records, registered }: ReadRecords,
): UpdateRequest {
  const record = records.get(clientId) ?? null;
  if (record === null || registered.has(gate)) return { client_id: clientId, version, record };
  // A gate that is not registered gets no later pushes, so it must not hold a record. It is told that its client was deleted at the version
  // at which the push was owed. If the id belongs to a new client by now, the gate loads that one's newer record at its next request.
  return { client_id: clientId, version: owedAt, record: null };
}
