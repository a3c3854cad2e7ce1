import type { Attempt } from '../../gates/attempt-filter.ts';
import type { Identified } from '../../gates/protocol.ts';
import type { Redacted } from '../../log/redacted.ts';
import type { Assertion } from './assertion.ts';
import type { ClientCertificate } from './certificate.ts';
import type { CheckedToken } from './federated-jwt.ts';
import type { GateAnswer, Intent } from './intent.ts';
import type { CheckedAssertion } from './private-key-jwt.ts';

/** The credential that a request presents, after every check that needs no data of the client. */
export type Credential = SecretCredential | KeyCredential | WorkloadCredential;

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
  /** What to check first if it is refused. It follows from the assertion alone. */
  readonly hint: string | undefined;
  /** When it was checked, milliseconds since the epoch. */
  readonly checkedAt: number;
}

/** A token of another issuer, and the client that it is presented for. */
export interface FederatedCredential {
  readonly kind: 'federated_jwt';
  readonly clientId: string;
  readonly token: CheckedToken;
}

/** A token of another issuer alone. Its issuer and its claims determine the client. */
export interface WorkloadCredential {
  readonly kind: 'workload';
  readonly token: CheckedToken;
}

/** The certificate of the connection. */
export interface CertificateCredential {
  readonly kind: 'certificate';
  readonly clientId: string;
  readonly certificate: ClientCertificate;
}

/** A client_id that a request claims, and that a client may have. */
export interface ClaimedClient {
  readonly attempt: Attempt;
  /** Whether the id was generated here. If not, a client that was imported has it. */
  readonly isOwn: boolean;
}

/** A client that passed, and what its gate answered to the request's intent. */
export interface AuthenticatedClient<I extends Intent> {
  readonly client: Identified;
  readonly answer: GateAnswer<I>;
}
