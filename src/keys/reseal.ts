import { CLOCK_SKEW, IDEMPOTENCY_AGE } from '../constants.ts';
import { type MasterKeys, retireMasterKey } from '../credentials/master-key.ts';
import type { Redacted } from '../log/redacted.ts';
import type { RetiredMasterKey, RingRows, StoredSigningKey } from '../store/ring.ts';
import { isSealedUnder, type Purpose, seal, unseal } from './sealing.ts';

/** What a master key is still needed for. */
export interface MasterKeyUse {
  readonly id: string;
  /** `previous`: set beside the current one. `retired`: no longer set, and its hashes and tags are accepted still. */
  readonly status: 'current' | 'previous' | 'retired';
  /** Signing keys that are sealed under it. */
  readonly signingKeys: number;
  /** When it may be taken out of `MASTER_KEY`, milliseconds since the epoch; null where it must be resealed before, or is current. */
  readonly mayGoAt: number | null;
}

/** What master keys are used for, the current one first. */
export function listMasterKeyUses({ keys, retired }: RingRows, [current, ...previous]: MasterKeys): MasterKeyUse[] {
  const signingKeys = (key: { readonly id: string }) =>
    keys.filter(({ sealedPrivateJwk }) => isSealedUnder(sealedPrivateJwk, key)).length;
  const isNeeded = (key: { readonly id: string }) =>
    signingKeys(key) > 0 || retired.some(({ sealedKeys }) => isSealedUnder(sealedKeys, key));
  const mayGoAt = (key: { readonly id: string }) => {
    const kept = retired.find(({ id }) => id === key.id);
    // The answers that were kept for an `Idempotency-Key` under it are not sealed anew: they are soon over.
    return kept && !isNeeded(key) ? kept.createdAt + (IDEMPOTENCY_AGE + CLOCK_SKEW) * 1000 : null;
  };
  const isSet = ({ id }: RetiredMasterKey) => [current, ...previous].some((key) => key.id === id);
  return [
    { id: current.id, status: 'current', signingKeys: signingKeys(current), mayGoAt: null },
    ...previous.map((key) => ({
      id: key.id,
      status: 'previous' as const,
      signingKeys: signingKeys(key),
      mayGoAt: mayGoAt(key),
    })),
    ...retired
      .filter((key) => !isSet(key))
      .map(({ id }) => ({ id, status: 'retired' as const, signingKeys: 0, mayGoAt: null })),
  ];
}

/** What is sealed under other master keys than the current one, sealed anew. */
export interface Resealed {
  readonly keys: readonly { readonly before: StoredSigningKey; readonly sealedPrivateJwk: string }[];
  readonly retired: readonly RetiredMasterKey[];
}

/**
 * Seals anew what the current master key did not seal, and keeps of the others that are set what hashes and tags need.
 * @param raw the master keys that are set, 32 bytes each, in the order of `masterKeys`
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
  const again = async (sealed: string, purpose: Purpose) =>
    seal(await unseal(sealed, purpose, masterKeys), purpose, masterKeys);

  const stale = keys.filter(({ sealedPrivateJwk }) => !isCurrent(sealedPrivateJwk));
  // Each time anew: something may have been sealed under them since the last time.
  const left = previous.flatMap(({ id }, index) => {
    const bytes = raw[index + 1];
    return bytes ? [{ id, bytes }] : [];
  });
  const kept = retired.filter(({ id, sealedKeys }) => !isCurrent(sealedKeys) && !left.some((key) => key.id === id));
  return {
    keys: await Promise.all(
      stale.map(async (before) => ({
        before,
        sealedPrivateJwk: await again(before.sealedPrivateJwk, 'signing-key'),
      })),
    ),
    retired: await Promise.all([
      ...kept.map(async (row) => ({ ...row, sealedKeys: await again(row.sealedKeys, 'retired-master-key') })),
      ...left.map(async ({ id, bytes }) => {
        const sealedKeys = await seal(await retireMasterKey(bytes), 'retired-master-key', masterKeys);
        return { id, sealedKeys, createdAt: now };
      }),
    ]),
  };
}
