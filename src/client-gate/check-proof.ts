import { equalInConstantTime, fingerprint } from '../credentials/secret-hash.ts';
import { credentialRefsOf } from '../gates/credential-refs.ts';
import type {
  ClientAuthentication,
  ClientRecord,
  KeyProof,
  Proof,
  SecretProof,
  SecretRecord,
} from '../gates/protocol.ts';
import { usesSecrets } from '../store/client-authentication.ts';

/** A credential of the client that a proof is of. */
export interface ProvenCredential {
  /** Of a secret. */
  readonly id?: string | undefined;
}

/** How a client authenticates where its record does not say: before it could be otherwise. */
const BY_SECRET: ClientAuthentication = {
  methods: ['client_secret_basic'],
  keys: [],
  jwks_uri: null,
  tls_subject: null,
  federated_identities: [],
  is_strict: false,
};

export function authenticationOf({ authentication }: ClientRecord): ClientAuthentication {
  return authentication ?? BY_SECRET;
}

/**
 * The client's credential that the proof is of, at `now` in milliseconds since the epoch, or undefined where it is of none. A disabled
 * client has none.
 */
export function provenCredential(record: ClientRecord, proof: Proof, now: number): ProvenCredential | undefined {
  const proven = proof.kind === 'secret' ? provenSecret(record, proof, now) : provenKey(record, proof);
  return record.status === 'active' ? proven : undefined;
}

function provenSecret(record: ClientRecord, proof: SecretProof, now: number): SecretRecord | undefined {
  let proven: SecretRecord | undefined;
  // Every pair is compared, so that the time tells nothing about which secret, or which master key, came near.
  for (const secret of liveSecrets(record, now)) {
    for (const presented of proof.hashes) if (equalInConstantTime(secret.hash, presented)) proven = secret;
  }
  return proven;
}

// What the edge knew may have been an older record: what counts is what stands in this one.
function provenKey(record: ClientRecord, { anchor }: KeyProof): ProvenCredential | undefined {
  return credentialRefsOf(authenticationOf(record)).includes(anchor) ? {} : undefined;
}

/** The fingerprints of the client's live secrets. */
export function fingerprints(record: ClientRecord, now: number): string[] {
  return liveSecrets(record, now).map(({ hash }) => fingerprint(hash));
}

function liveSecrets(record: ClientRecord, now: number): readonly SecretRecord[] {
  if (!usesSecrets(authenticationOf(record).methods)) return [];
  return record.secrets.filter(({ expires_at }) => expires_at === null || expires_at > now);
}
