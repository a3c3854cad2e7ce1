import { equalInConstantTime, fingerprint } from '../credentials/secret-hash.ts';
import type { ClientRecord, SecretRecord } from '../store/client-record.ts';

/**
 * What the edge made of a client's credential, small enough to compare. Key and certificate authentication will add members:
 * the thumbprint that the edge verified against, and the ids to be spent once.
 */
export type Proof = { readonly kind: 'secret'; readonly hashes: readonly string[] };

/**
 * The client's secret that the proof is of, at `now` in milliseconds since the epoch, or undefined where it is of none. A disabled client
 * has none.
 */
export function provenSecret(record: ClientRecord, proof: Proof, now: number): SecretRecord | undefined {
  let proven: SecretRecord | undefined;
  // Every pair is compared, so that the time tells nothing about which secret, or which master key, came near.
  for (const secret of liveSecrets(record, now)) {
    for (const presented of proof.hashes) if (equalInConstantTime(secret.hash, presented)) proven = secret;
  }
  return record.status === 'active' ? proven : undefined;
}

/** The fingerprints of the client's live secrets. */
export function fingerprints(record: ClientRecord, now: number): string[] {
  return liveSecrets(record, now).map(({ hash }) => fingerprint(hash));
}

function liveSecrets(record: ClientRecord, now: number): readonly SecretRecord[] {
  return record.secrets.filter(({ expires_at }) => expires_at === null || expires_at > now);
}
