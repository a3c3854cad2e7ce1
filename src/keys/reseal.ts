import { CLOCK_SKEW, IDEMPOTENCY_AGE } from '../constants.ts';
import { type MasterKeys, retireMasterKey } from '../credentials/master-key.ts';
import type { Redacted } from '../log/redacted.ts';
import type { RetiredMasterKey, RingRows, StoredSigningKey } from '../store/ring.ts';
import { isSealedUnder, type Purpose, seal, unseal } from './sealing.ts';

/** A master key and its remaining uses. */
export interface MasterKeyUse {
  readonly id: string;
  /** `previous`: configured after the current key. `retired`: no longer configured; its hashes and tags are still accepted. */
  readonly status: 'current' | 'previous' | 'retired';
  /** How many signing keys are sealed under it. */
  readonly signingKeys: number;
  /** How many webhooks have secrets that are sealed under it. */
  readonly webhooks: number;
  /** When it may be removed from `MASTER_KEY`, milliseconds since the epoch. Null if it is current, or a reseal is needed first. */
  readonly mayGoAt: number | null;
}

/**
 * Lists the configured and retired master keys with their uses. The current key is first.
 * @param webhooks how many webhooks have secrets that are sealed under a master key, by its id
 */
export function listMasterKeyUses(
  { keys, retired }: RingRows,
  webhooks: ReadonlyMap<string, number>,
  [current, ...previous]: MasterKeys,
): MasterKeyUse[] {
  const countWebhooks = ({ id }: { readonly id: string }) => webhooks.get(id) ?? 0;
  const countSigningKeys = (key: { readonly id: string }) =>
    keys.filter(({ sealedPrivateJwk }) => isSealedUnder(sealedPrivateJwk, key)).length;
  const isNeeded = (key: { readonly id: string }) =>
    countSigningKeys(key) > 0 ||
    countWebhooks(key) > 0 ||
    retired.some(({ sealedKeys }) => isSealedUnder(sealedKeys, key));
  const mayGoAt = (key: { readonly id: string }) => {
    const row = retired.find(({ id }) => id === key.id);
    // Answers that are stored for an `Idempotency-Key` are not resealed. The key must stay until the last of them has expired.
    return row && !isNeeded(key) ? row.createdAt + (IDEMPOTENCY_AGE + CLOCK_SKEW) * 1000 : null;
  };
  const isConfigured = ({ id }: RetiredMasterKey) => [current, ...previous].some((key) => key.id === id);
  return [
    {
      id: current.id,
      status: 'current',
      signingKeys: countSigningKeys(current),
      webhooks: countWebhooks(current),
      mayGoAt: null,
    },
    ...previous.map((key) => ({
      id: key.id,
      status: 'previous' as const,
      signingKeys: countSigningKeys(key),
      webhooks: countWebhooks(key),
      mayGoAt: mayGoAt(key),
    })),
    ...retired
      .filter((key) => !isConfigured(key))
      .map(({ id }) => ({ id, status: 'retired' as const, signingKeys: 0, webhooks: 0, mayGoAt: null })),
  ];
}

/** The values that a reseal sealed under the current master key. */
export interface Resealed {
  readonly keys: readonly { readonly before: StoredSigningKey; readonly sealedPrivateJwk: string }[];
  readonly retired: readonly RetiredMasterKey[];
}

/**
 * Reseals, under the current master key, every value that another master key sealed. Also extracts from each previous master key the keys
 * for hashes and tags, which are needed after that master key has been removed from the configuration.
 * @param raw the configured master keys, `MASTER_KEY_BYTES` each, in the order of `masterKeys`
 * @param now milliseconds since the epoch
 */
export async function reseal(
  { keys, retired }: RingRows,
  raw: readonly Redacted<Uint8Array<ArrayBuffer>>[],
  masterKeys: MasterKeys,
  now: number,
): Promise<Resealed> {
  const [current, ...previous] = masterKeys;
  const isCurrent = (sealed: string) => isSealedUnder(sealed, current);
  const sealAgain = async (sealed: string, purpose: Purpose) =>
    seal(await unseal(sealed, purpose, masterKeys), purpose, masterKeys);

  const stale = keys.filter(({ sealedPrivateJwk }) => !isCurrent(sealedPrivateJwk));
  // Previous keys are retired again at each reseal, which moves `createdAt`: since the last one, an isolate with the old configuration
  // may have sealed another answer under them.
  const retiring = previous.flatMap(({ id }, index) => {
    const bytes = raw[index + 1];
    return bytes ? [{ id, bytes }] : [];
  });
  const stillRetired = retired.filter(
    ({ id, sealedKeys }) => !isCurrent(sealedKeys) && !retiring.some((key) => key.id === id),
  );
  return {
    keys: await Promise.all(
      stale.map(async (before) => ({
        before,
        sealedPrivateJwk: await sealAgain(before.sealedPrivateJwk, 'signing-key'),
      })),
    ),
    retired: await Promise.all([
      ...stillRetired.map(async (row) => ({
        ...row,
        sealedKeys: await sealAgain(row.sealedKeys, 'retired-master-key'),
      })),
      ...retiring.map(async ({ id, bytes }) => {
        const sealedKeys = await seal(await retireMasterKey(bytes), 'retired-master-key', masterKeys);
        return { id, sealedKeys, createdAt: now };
      }),
    ]),
  };
}
