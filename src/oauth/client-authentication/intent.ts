import type {
  Admission,
  Authentication,
  BindingRequest,
  GrantRequest,
  NotAuthenticated,
  Revocation,
  Unavailable,
} from '../../gates/protocol.ts';

/** What a request wants from its client's gate, in the one call that also checks the client's credential. */
export type Intent = AdmitIntent | RevokeIntent | AuthenticateIntent | IntrospectIntent;

/** Get a token. */
export interface AdmitIntent {
  readonly kind: 'admit';
  readonly grant: GrantRequest;
  readonly binding: BindingRequest;
}

/** Revoke a token, if it is the client's own. */
export interface RevokeIntent {
  readonly kind: 'revoke';
  readonly token: {
    readonly client_id: string;
    readonly jti: string;
    /** Its `exp`, seconds since the epoch. */
    readonly exp: number;
  };
}

/** Nothing but the check of the credential. */
export interface AuthenticateIntent {
  readonly kind: 'authenticate';
}

/** Introspect a token. The credential is checked as for `authenticate`, or was a few seconds ago. */
export interface IntrospectIntent {
  readonly kind: 'introspect';
}

interface Answers {
  admit: Admission;
  revoke: Revocation | Authentication;
  authenticate: Authentication;
  introspect: Authentication;
}

/** What a gate answers to an intent once it has accepted the credential. */
export type GateAnswer<I extends Intent> = Exclude<Answers[I['kind']], NotAuthenticated | Unavailable>;
