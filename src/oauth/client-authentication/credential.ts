import type { Attempt } from '../../gates/attempt-filter.ts';
import type { ClientAuthentication, Identified, KeyProof } from '../../gates/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { Redacted } from '../../log/redacted.ts';
import type { GateAnswer, Intent } from './intent.ts';

/** What a request brings along to prove which client it is of, of which all has been checked that can be told without knowing the client. */
export type Credential = SecretCredential | KeyCredential;

export interface SecretCredential {
  readonly kind: 'secret';
  readonly clientId: string;
  readonly secret: Redacted;
}

export interface KeyCredential {
  readonly kind: 'key';
  readonly clientId: string;
  /**
   * Verifies it against what is known of how the client authenticates.
   * @returns the proof for the client's gate, or why there is none
   * @throws RemoteError where keys elsewhere could not be had
   */
  readonly verify: (authentication: ClientAuthentication) => Promise<KeyProof | AuthenticationFailure>;
}

/** A client that passed, and what its gate answered to the request's intent. */
export interface AuthenticatedClient<I extends Intent> {
  readonly client: Identified;
  readonly answer: GateAnswer<I>;
}

/** A client that a request says it is of. */
export interface ClaimedClient {
  readonly attempt: Attempt;
  /** Whether its id was generated here: one of another form may have been brought along. */
  readonly isOwn: boolean;
}
