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

/** Returns the references of everything that a client's credentials may be verified against. */
export function credentialRefsOf(authentication: ClientAuthentication): string[] {
  const { methods, keys, jwks_uri, tls_subject, federated_identities } = authentication;
  const byMethod: Partial<Record<AuthMethod, () => string[]>> = {
    private_key_jwt: () =>
      acceptedRules(authentication).flatMap((rules) => [
        ...keys.map((key) => credentialRefs.key(rules, key)),
        ...(jwks_uri === null ? [] : [credentialRefs.remoteKey(rules, jwks_uri)]),
      ]),
    tls_client_auth: () => (tls_subject === null ? [] : [credentialRefs.subject(authentication, tls_subject)]),
    self_signed_tls_client_auth: () => [
      ...keys.flatMap(({ certificate }) =>
        certificate === null ? [] : credentialRefs.certificate(authentication, certificate),
      ),
      ...(jwks_uri === null ? [] : [credentialRefs.remoteCertificate(authentication, jwks_uri)]),
    ],
    federated_jwt: () => federated_identities.map((identity) => credentialRefs.identity(authentication, identity)),
  };
  return methods.flatMap((method) => byMethod[method]?.() ?? []);
}
