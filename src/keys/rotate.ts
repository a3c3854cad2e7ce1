import type { MasterKeys } from '../credentials/master-key.ts';
import type { Database } from '../store/database.ts';
import { copyKeyRevocation, listRevokedSigningKeys, recordKeyRevocationCopied } from '../store/revoked-signing-keys.ts';
import type { SigningKeysChange } from '../store/signing-keys.ts';
import { findAlgsWithoutNextKey, type Rotation, revocationSettlesAt } from './rotation.ts';
import { makeSigningKey } from './signing-key.ts';

/** A rotation with the keys that it needs: a new next one for each that is not the next any more. */
export async function completeRotation(rotation: Rotation, masterKeys: MasterKeys): Promise<SigningKeysChange> {
  const { now } = rotation;
  const made = findAlgsWithoutNextKey(rotation).map((alg) => makeSigningKey(alg, 'next', masterKeys, now));
  return { ...rotation, made: await Promise.all(made) };
}

/**
 * Tells KV of the keys that were revoked, so that no copy of the ring brings them back, and notes when the last lease on them has ended.
 * Doing it twice puts that off, and harms nothing else.
 * @returns how many keys
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
