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

/** Token endpoint: admit the request and resolve its grant, bound to what the request proves possession of. */
export interface AdmitIntent {
  readonly kind: 'admit';
  readonly grant: GrantRequest;
  readonly binding: BindingRequest;
}

/** Revocation endpoint: revoke the token if it is the client's own. */
export interface RevokeIntent {
  readonly kind: 'revoke';
  readonly token: {
    readonly client_id: string;
    readonly jti: string;
    /** Its `exp`, seconds since the epoch. */
    readonly exp: number;
    /** Its audience. */
    readonly aud: string;
  };
}

/** Only check the credential. */
export interface AuthenticateIntent {
  readonly kind: 'authenticate';
}

/** Introspection endpoint: check the credential, unless the same secret passed in the last `CALLER_AGE` seconds. */
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
