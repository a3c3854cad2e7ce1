import { ASSERTION_LIFETIME_DEFAULT } from '../constants.ts';
import type { AuthMethod, ClientAuthentication, RegisteredIdentity, RegisteredKey, TlsSubject } from './protocol.ts';

/**
 * Builds credential references: texts that name what a key or certificate was verified against. Two references are equal only if their
 * meaning is. A key is named by its thumbprint and algorithm, a certificate by its thumbprint or subject, remote keys by their address,
 * a federated identity by its digest. The references of keys also name the rules for assertions, if the client has its own. The edge sends
 * one reference to the gate, which compares it with those of its own record.
 */
export const credentialRefs = {
  key: (rules: AssertionRules, { jwk, thumbprint }: RegisteredKey) =>
    ruledBy(rules, credentialRef('private_key_jwt', rules.is_strict, 'jkt', `${thumbprint} for ${jwk.alg ?? 'any'}`)),
  remoteKey: (rules: AssertionRules, uri: string) =>
    ruledBy(rules, credentialRef('private_key_jwt', rules.is_strict, 'jwks_uri', uri)),
  subject: ({ is_strict }: Strictness, { type, value }: TlsSubject) =>
    credentialRef('tls_client_auth', is_strict, type, value),
  certificate: ({ is_strict }: Strictness, x5t: string) =>
    credentialRef('self_signed_tls_client_auth', is_strict, 'x5t#S256', x5t),
  remoteCertificate: ({ is_strict }: Strictness, uri: string) =>
    credentialRef('self_signed_tls_client_auth', is_strict, 'jwks_uri', uri),
  identity: ({ is_strict }: Strictness, { digest }: RegisteredIdentity) =>
    credentialRef('federated_jwt', is_strict, 'sha-256', digest),
};

type Strictness = Pick<ClientAuthentication, 'is_strict'>;
type AssertionRules = Pick<ClientAuthentication, 'is_strict' | 'assertion_lifetime_max' | 'assertion_audience'>;

// An assertion that only earlier rules permitted must not pass once they have changed.
function ruledBy(
  { assertion_lifetime_max: lifetime, assertion_audience: audience }: AssertionRules,
  ref: string,
): string {
  const rules = [...(lifetime === undefined ? [] : [`${lifetime} s`]), ...(audience === undefined ? [] : [audience])];
  return [...rules, ref].join(' ');
}

/**
 * Returns the sets of rules under which an assertion may have been verified: the client's own, and the default ones if those are as strict.
 * An older edge, or one that does not know of a change yet, goes by the default ones.
 */
function acceptedRules(authentication: ClientAuthentication): AssertionRules[] {
  const { is_strict, assertion_lifetime_max: lifetime, assertion_audience: audience } = authentication;
  const isDefault = lifetime === undefined && audience === undefined;
  const isStricter = lifetime !== undefined && lifetime < ASSERTION_LIFETIME_DEFAULT;
  return isDefault || isStricter ? [authentication] : [authentication, { is_strict }];
}

// Includes the profile: a credential that was verified under the standard profile must not pass once the client is strict.
function credentialRef(method: AuthMethod, isStrict: boolean, kind: string, value: string): string {
  return `${isStrict ? 'strict ' : ''}${method} ${kind} ${value}`;
}

/** What a credential of a client is verified against. */
export interface RegisteredCredential {
  /**
   * Names it in a gate's last uses, by method: its reference without the rules under which it is verified, because these may change while
   * the credential stays the same.
   */
  readonly id: string;
  readonly method: AuthMethod;
  /** The member of `ClientAuthentication` that has it. */
  readonly source: 'keys' | 'jwks_uri' | 'tls_subject' | 'federated_identities';
  /** Its position, if that member is a list. */
  readonly index?: number;
  /** Its references: one for each set of rules. */
  readonly refs: readonly string[];
}

/** The rules of the references that are ids. */
const NO_RULES: AssertionRules = { is_strict: false };

/** Returns everything that a client's credentials may be verified against, except its secrets, by the accepted methods. */
export function registeredCredentials(authentication: ClientAuthentication): RegisteredCredential[] {
  const { methods, keys, jwks_uri, tls_subject, federated_identities } = authentication;
  const rules = acceptedRules(authentication);
  const assertionRefs = (ref: (rules: AssertionRules) => string) => ({ id: ref(NO_RULES), refs: rules.map(ref) });
  const otherRefs = (ref: (strictness: Strictness) => string) => ({ id: ref(NO_RULES), refs: [ref(authentication)] });
  const byMethod: Partial<Record<AuthMethod, () => Omit<RegisteredCredential, 'method'>[]>> = {
    private_key_jwt: () => [
      ...keys.map((key, index) => ({
        source: 'keys' as const,
        index,
        ...assertionRefs((under) => credentialRefs.key(under, key)),
      })),
      ...(jwks_uri === null
        ? []
        : [{ source: 'jwks_uri' as const, ...assertionRefs((under) => credentialRefs.remoteKey(under, jwks_uri)) }]),
    ],
    tls_client_auth: () =>
      tls_subject === null
        ? []
        : [{ source: 'tls_subject', ...otherRefs((under) => credentialRefs.subject(under, tls_subject)) }],
    self_signed_tls_client_auth: () => [
      ...keys.flatMap(({ certificate }, index) =>
        certificate === null
          ? []
          : {
              source: 'keys' as const,
              index,
              ...otherRefs((under) => credentialRefs.certificate(under, certificate)),
            },
      ),
      ...(jwks_uri === null
        ? []
        : [
            { source: 'jwks_uri' as const, ...otherRefs((under) => credentialRefs.remoteCertificate(under, jwks_uri)) },
          ]),
    ],
    federated_jwt: () =>
      federated_identities.map((identity, index) => ({
        source: 'federated_identities',
        index,
        ...otherRefs((under) => credentialRefs.identity(under, identity)),
      })),
  };
  return methods.flatMap((method) => (byMethod[method]?.() ?? []).map((credential) => ({ method, ...credential })));
}
