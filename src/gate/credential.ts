import { equalInConstantTime, fingerprint } from '../credentials/secret-hash.ts';
import {
  type AuthMethod,
  type ClientAuthentication,
  type RegisteredIdentity,
  type RegisteredKey,
  type TlsSubject,
  usesSecrets,
} from '../store/client-authentication.ts';
import type { ClientRecord, SecretRecord } from '../store/client-record.ts';
import type { SpentId } from './replay-memory.ts';

/** What the edge made of a client's credential, small enough to compare. */
export type Proof = SecretProof | KeyProof;

export interface SecretProof {
  readonly kind: 'secret';
  readonly hashes: readonly string[];
}

/** The edge has verified something against what the client's record says, as far as the edge knows it. */
export interface KeyProof {
  readonly kind: 'key';
  /** What it was verified against; see `anchors`. */
  readonly anchor: string;
  /** What the client may use once. */
  readonly spends?: SpentId;
}

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
  return anchorsOf(authenticationOf(record)).includes(anchor) ? {} : undefined;
}

/** The fingerprints of the client's live secrets. */
export function fingerprints(record: ClientRecord, now: number): string[] {
  return liveSecrets(record, now).map(({ hash }) => fingerprint(hash));
}

function liveSecrets(record: ClientRecord, now: number): readonly SecretRecord[] {
  if (!usesSecrets(authenticationOf(record).methods)) return [];
  return record.secrets.filter(({ expires_at }) => expires_at === null || expires_at > now);
}

/**
 * What a client's credentials other than secrets are verified against, each in a text that is another where what it stands for is: a
 * key by its thumbprint and what it is for, a certificate by its own or by its subject, what is published elsewhere by its address.
 */
export const anchors = {
  key: ({ is_strict }: Strictness, { jwk, thumbprint }: RegisteredKey) =>
    anchor('private_key_jwt', is_strict, 'jkt', `${thumbprint} for ${jwk.alg ?? 'any'}`),
  remoteKey: ({ is_strict }: Strictness, uri: string) => anchor('private_key_jwt', is_strict, 'jwks_uri', uri),
  subject: ({ is_strict }: Strictness, { type, value }: TlsSubject) =>
    anchor('tls_client_auth', is_strict, type, value),
  certificate: ({ is_strict }: Strictness, x5t: string) =>
    anchor('self_signed_tls_client_auth', is_strict, 'x5t#S256', x5t),
  remoteCertificate: ({ is_strict }: Strictness, uri: string) =>
    anchor('self_signed_tls_client_auth', is_strict, 'jwks_uri', uri),
  identity: ({ is_strict }: Strictness, { digest }: RegisteredIdentity) =>
    anchor('federated_jwt', is_strict, 'sha-256', digest),
};

type Strictness = Pick<ClientAuthentication, 'is_strict'>;

// The profile is part of it: what was verified by looser rules must not pass once it is strict.
function anchor(method: AuthMethod, isStrict: boolean, what: string, value: string): string {
  return `${isStrict ? 'strict ' : ''}${method} ${what} ${value}`;
}

function anchorsOf(authentication: ClientAuthentication): string[] {
  const { methods, keys, jwks_uri, tls_subject, federated_identities } = authentication;
  const byMethod: Partial<Record<AuthMethod, () => string[]>> = {
    private_key_jwt: () => [
      ...keys.map((key) => anchors.key(authentication, key)),
      ...(jwks_uri === null ? [] : [anchors.remoteKey(authentication, jwks_uri)]),
    ],
    tls_client_auth: () => (tls_subject === null ? [] : [anchors.subject(authentication, tls_subject)]),
    self_signed_tls_client_auth: () => [
      ...keys.flatMap(({ certificate }) =>
        certificate === null ? [] : anchors.certificate(authentication, certificate),
      ),
      ...(jwks_uri === null ? [] : [anchors.remoteCertificate(authentication, jwks_uri)]),
    ],
    federated_jwt: () => federated_identities.map((identity) => anchors.identity(authentication, identity)),
  };
  return methods.flatMap((method) => byMethod[method]?.() ?? []);
}
