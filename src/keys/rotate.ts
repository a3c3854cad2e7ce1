import type { MasterKeys } from '../credentials/master-key.ts';
import type { Database } from '../store/database.ts';
import { generateId } from '../store/id.ts';
import { copyKeyRevocation, listRevokedSigningKeys, recordKeyRevocationCopied } from '../store/revoked-signing-keys.ts';
import type { SigningKeysChange } from '../store/signing-keys.ts';
import type { Notice } from '../store/webhook-outbox.ts';
import { findAlgsWithoutNextKey, type Rotation, revocationSettlesAt } from './rotation.ts';
import { makeSigningKey } from './signing-key.ts';

/** Completes a planned rotation: makes a new next key for each algorithm whose next key the rotation uses up. */
export async function completeRotation(rotation: Rotation, masterKeys: MasterKeys): Promise<SigningKeysChange> {
  const { now } = rotation;
  const nextKeys = findAlgsWithoutNextKey(rotation).map((alg) => makeSigningKey(alg, 'next', masterKeys, now));
  return { ...rotation, made: await Promise.all(nextKeys) };
}

/** Returns the notices about a change of the signing keys: one for each key that signs from now on, or soon. */
export function rotationNotices({ activated, retired, revoked, now }: SigningKeysChange): Notice[] {
  return activated.map(({ kid, alg }) => ({
    id: generateId('evt'),
    at: now,
    organizationId: null,
    type: 'signing_key.rotated',
    target: kid,
    data: { alg, kid, previous_kid: [...revoked, ...retired].find((key) => key.alg === alg)?.kid ?? null },
  }));
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
