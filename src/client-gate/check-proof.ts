import { equalInConstantTime, fingerprint } from '../credentials/secret-hash.ts';
import { registeredCredentials } from '../gates/credential-refs.ts';
import type {
  ClientAuthentication,
  ClientRecord,
  KeyProof,
  NotAuthenticated,
  Proof,
  SecretProof,
  SecretRecord,
} from '../gates/protocol.ts';
import { usesSecrets } from '../store/client-authentication.ts';

/** A credential of the client that a proof matched. */
export interface MatchedCredential {
  /** The secret's id, or that of a `RegisteredCredential`. Absent for a secret in a record of an older version. */
  readonly id?: string | undefined;
}

/** How a client authenticates if its record does not say so, because its version knew no other method. */
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
 * Finds the client's credential that a proof matches, or returns undefined if it matches none. The client may be disabled.
 * @param now milliseconds since the epoch
 */
export function matchCredential(record: ClientRecord, proof: Proof, now: number): MatchedCredential | undefined {
  return proof.kind === 'secret' ? matchSecret(record, proof, now) : matchKey(record, proof);
}

function matchSecret(record: ClientRecord, proof: SecretProof, now: number): SecretRecord | undefined {
  let matched: SecretRecord | undefined;
  // Compares every pair, so that the time does not reveal which secret, or which master key, was close.
  for (const secret of liveSecrets(record, now)) {
    for (const presented of proof.hashes) if (equalInConstantTime(secret.hash, presented)) matched = secret;
  }
  return matched;
}

// The edge may have verified the credential against an older record. The gate's record decides.
function matchKey(record: ClientRecord, { anchor }: KeyProof): MatchedCredential | undefined {
  const id = credentialIds(authenticationOf(record)).get(anchor);
  return id === undefined ? undefined : { id };
}

/** The ids of each record's credentials by their references. A record never changes: a push replaces it. */
const ids = new WeakMap<ClientAuthentication, ReadonlyMap<string, string>>();

function credentialIds(authentication: ClientAuthentication): ReadonlyMap<string, string> {
  const known = ids.get(authentication);
  if (known) return known;
  const byRef = registeredCredentials(authentication).flatMap(({ id, refs }) => refs.map((ref) => [ref, id] as const));
  const found = new Map(byRef);
  ids.set(authentication, found);
  return found;
}

/** Returns the ids of all credentials that a record knows: those of secrets, and of keys, certificates and identities. */
export function idsOfCredentials(record: ClientRecord): { readonly secrets: string[]; readonly others: string[] } {
  return {
    secrets: record.secrets.flatMap(({ id }) => id ?? []),
    others: [...new Set(credentialIds(authenticationOf(record)).values())],
  };
}

/** Builds the answer to a proof that matches no credential. */
export function notAuthenticated(record: ClientRecord | undefined, now: number): NotAuthenticated {
  return {
    outcome: 'invalid_client',
    known: record !== undefined,
    // Those of a disabled client as well: once it is enabled, the edge must tell its secret from guesses at once.
    fingerprints: record ? liveSecrets(record, now).map(({ hash }) => fingerprint(hash)) : [],
  };
}

/** Builds the answer to a proof that is right, for a client that is disabled or has expired. */
export function notActive(record: ClientRecord, isExpired: boolean, now: number): NotAuthenticated {
  return { ...notAuthenticated(record, now), ...(isExpired ? { expired: true } : { cause: 'disabled_client' }) };
}

/** Builds the answer to a proof that was used before. */
export function replayed(record: ClientRecord, now: number): NotAuthenticated {
  return { ...notAuthenticated(record, now), replayed: true };
}

function liveSecrets(record: ClientRecord, now: number): readonly SecretRecord[] {
  if (!usesSecrets(authenticationOf(record).methods)) return [];
  return record.secrets.filter(({ expires_at }) => expires_at === null || expires_at > now);
}
