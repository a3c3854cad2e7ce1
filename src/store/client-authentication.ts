import type { JWK } from 'jose';

/**
 * How a client can authenticate: the names of the [IANA registry](https://www.iana.org/assignments/oauth-parameters), and `federated_jwt`
 * for the token of another issuer that the client trusts.
 */
export const AUTH_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'federated_jwt',
] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** Those that prove a secret. Clients of either are taken by both. */
const SECRET_METHODS: readonly AuthMethod[] = ['client_secret_basic', 'client_secret_post'];

/** Those of the strict profile. */
export const STRICT_METHODS: readonly AuthMethod[] = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
];

/** The algorithms by which a client of the strict profile may sign ([FAPI 2.0 section 5.4.1](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.4.1)). */
export const STRICT_ALGS: readonly string[] = ['ES256', 'PS256', 'EdDSA', 'Ed25519'];

/** What rules hold for a client: `strict` are those in the shape of FAPI 2.0. */
export const SECURITY_PROFILES = ['standard', 'strict'] as const;
export type SecurityProfile = (typeof SECURITY_PROFILES)[number];

/** Whether any of the methods proves a secret. */
export function usesSecrets(methods: readonly AuthMethod[]): boolean {
  return methods.some((method) => SECRET_METHODS.includes(method));
}

/** A public key that is registered for a client. */
export interface RegisteredKey {
  /** As it was registered. */
  readonly jwk: JWK;
  /** [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638), in base64url. */
  readonly thumbprint: string;
  /** Of the first certificate in `x5c`, as `x5t#S256` has it; null where there is none. */
  readonly certificate: string | null;
}

/** What a certificate's subject can be told by: the ends of the names of [RFC 8705 section 2.1.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2). */
export const TLS_SUBJECTS = ['subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email'] as const;

/** The subject of a client's certificate. */
export interface TlsSubject {
  readonly type: (typeof TLS_SUBJECTS)[number];
  readonly value: string;
}

/** What a claim must be: one value, or one of several. In a text `*` stands for any characters. */
export type ClaimCondition = string | number | boolean | readonly string[];

/** A workload of another issuer that is the client, wherever it runs. */
export interface FederatedIdentity {
  /** An `https` issuer, as its tokens name it, or the `spiffe://` trust domain that their subjects belong to. */
  readonly issuer: string;
  /** The one audience of its tokens. */
  readonly audience: string;
  /** What `sub` must be; `*` stands for any characters. */
  readonly subject?: string | undefined;
  /** What other claims must be, by name, or by JSON pointer where they are nested. */
  readonly claims?: Readonly<Record<string, ClaimCondition>> | undefined;
  /** Where its keys are, where its discovery document is not to tell. */
  readonly jwks_uri?: string | undefined;
  /** Its keys themselves, where nobody outside can fetch them. */
  readonly jwks?: { readonly keys: readonly JWK[] } | undefined;
}

/** As a client's record has it. */
export interface RegisteredIdentity extends FederatedIdentity {
  /** SHA-256 of all that is said of it, in base64url. */
  readonly digest: string;
}

/** How a client authenticates, and all by which it does but its secrets. */
export interface ClientAuthentication {
  /** Those that are accepted: under the strict profile, of those that are registered. */
  readonly methods: readonly AuthMethod[];
  readonly keys: readonly RegisteredKey[];
  readonly jwks_uri: string | null;
  readonly tls_subject: TlsSubject | null;
  readonly federated_identities: readonly RegisteredIdentity[];
  /** Whether the strict profile holds for the client. */
  readonly is_strict: boolean;
}

/** What the client's tokens must be bound to. */
export interface TokenBinding {
  /** A key: [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449). */
  readonly dpop: boolean;
  /** Whether a DPoP proof must have a nonce of ours. */
  readonly dpop_nonce: boolean;
  /** A certificate: [RFC 8705 section 3](https://www.rfc-editor.org/rfc/rfc8705#section-3). */
  readonly certificate: boolean;
  /** Any of the two. */
  readonly any: boolean;
}
