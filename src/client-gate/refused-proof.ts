import { equalInConstantTime } from '../credentials/secret-hash.ts';
import type { ClientRecord, NotAuthenticated, Proof } from '../gates/protocol.ts';
import { usesSecrets } from '../store/client-authentication.ts';
import { authenticationOf, notAuthenticated } from './check-proof.ts';

/**
 * Builds the answer to a proof that is refused, which matches no credential of the client, with the cause if there is one. Runs only on
 * refusals.
 */
export function refuseProof(record: ClientRecord | undefined, proof: Proof, now: number): NotAuthenticated {
  const cause = record && findCause(record, proof, now);
  return { ...notAuthenticated(record, now), ...(cause && { cause }) };
}

function findCause(record: ClientRecord, proof: Proof, now: number): NotAuthenticated['cause'] {
  if (proof.kind !== 'secret') return undefined;
  if (!usesSecrets(authenticationOf(record).methods)) return 'method_not_registered';
  const ended = record.secrets.filter(({ expires_at }) => expires_at !== null && expires_at <= now);
  // Compares every pair, as for live secrets.
  const matches = ended.flatMap(({ hash }) => proof.hashes.map((presented) => equalInConstantTime(hash, presented)));
  return matches.includes(true) ? 'expired_secret' : undefined;
}
