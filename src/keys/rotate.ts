import type { MasterKeys } from '../credentials/master-key.ts';
import type { Database } from '../store/database.ts';
import { copyKeyRevocation, listRevokedSigningKeys, recordKeyRevocationCopied } from '../store/revoked-signing-keys.ts';
import type { SigningKeysChange } from '../store/signing-keys.ts';
import { findAlgsWithoutNextKey, type Rotation, revocationSettlesAt } from './rotation.ts';
import { makeSigningKey } from './signing-key.ts';

/** Completes a planned rotation: makes a new next key for each algorithm whose next key the rotation uses up. */
export async function completeRotation(rotation: Rotation, masterKeys: MasterKeys): Promise<SigningKeysChange> {
  const { now } = rotation;
  const nextKeys = findAlgsWithoutNextKey(rotation).map((alg) => makeSigningKey(alg, 'next', masterKeys, now));
  return { ...rotation, made: await Promise.all(nextKeys) };
}

/**
 * Copies the revocations of signing keys to KV, so that no lagging copy of the ring brings a revoked key back, and records in D1 when the
 * last lease with such a key ends. Safe to repeat; a repetition only postpones that time.
 * @returns the number of keys
 * @throws StoreUnavailableError
 */
export async function propagateKeyRevocations(db: Database, kv: KVNamespace): Promise<number> {
  const revoked = await listRevokedSigningKeys(db);
  await Promise.all(revoked.map(({ kid }) => copyKeyRevocation(kv, kid)));
  const settlesAt = revocationSettlesAt(Date.now());
  for (const version of new Set(revoked.map((key) => key.version)))
    await recordKeyRevocationCopied(db, version, settlesAt);
  return revoked.length;
}
