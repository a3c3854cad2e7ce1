import type { Attempt } from '../../gates/attempt-filter.ts';
import type { Identified } from '../../gates/protocol.ts';
import type { VerificationAlg } from '../../jwt/public-key.ts';
import type { Redacted } from '../../log/redacted.ts';
import type { Assertion } from './assertion.ts';
import type { ClientCertificate } from './certificate.ts';
import type { GateAnswer, Intent } from './intent.ts';
import type { CheckedAssertion } from './private-key-jwt.ts';

/** The credential that a request presents, after every check that needs no data of the client. */
export type Credential = SecretCredential | KeyCredential;

export interface SecretCredential {
  readonly kind: 'secret';
  readonly clientId: string;
  /** The readings of the presented secret, of which one may be right: HTTP Basic can have two (see `readBasic`). */
  readonly secrets: readonly [Redacted, ...Redacted[]];
}

/** A credential that is verified against the client's registered keys, certificates or identities. */
export type KeyCredential = AssertionCredential | FederatedCredential | CertificateCredential;

/** An assertion that the client signed itself. */
export interface AssertionCredential {
  readonly kind: 'private_key_jwt';
  readonly clientId: string;
  readonly assertion: Assertion;
  readonly checked: CheckedAssertion;
  /** When it was checked, milliseconds since the epoch. */
  readonly checkedAt: number;
}

/** A token of another issuer. */
export interface FederatedCredential {
  readonly kind: 'federated_jwt';
  readonly clientId: string;
  readonly assertion: Assertion;
  readonly alg: VerificationAlg;
  /** When it was checked, milliseconds since the epoch. */
  readonly checkedAt: number;
}

/** The certificate of the connection. */
export interface CertificateCredential {
  readonly kind: 'certificate';
  readonly clientId: string;
  readonly certificate: ClientCertificate;
}

/** A client_id that a request claims, after every check that needs no store. */
export interface ClaimedClient {
  readonly attempt: Attempt;
  /** Whether the id was generated here. Any other form may be that of an imported client. */
  readonly isOwn: boolean;
}

/** A client that passed, and what its gate answered to the request's intent. */
export interface AuthenticatedClient<I extends Intent> {
  readonly client: Identified;
  readonly answer: GateAnswer<I>;
}
