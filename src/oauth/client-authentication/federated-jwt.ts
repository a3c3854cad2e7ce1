import { isTrustDomain, keyUses, matchesIdentity } from '../../federation/identity.ts';
import { credentialRefs } from '../../gates/credential-refs.ts';
import type { ClientAuthentication, KeyProof, RegisteredIdentity } from '../../gates/protocol.ts';
import { findTimeFault } from '../../jwt/claims.ts';
import { mediaType } from '../../jwt/compact.ts';
import { FEDERATION_ALGS, isAmong, type VerificationAlg } from '../../jwt/public-key.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import { RemoteError, returnRemoteError } from '../../remote-keys/remote-error.ts';
import type { KeyFinder } from '../../remote-keys/remote-keys.ts';
import { FEDERATED_LIFETIME_MAX, SIGNER_CLOCK_SKEW } from '../constants.ts';
import { type Assertion, type AssertionContext, TIME_FAILURES } from './assertion.ts';
import { addresseeOf } from './audience.ts';
import { importKeyOnce, isSignedBy, matchesKid } from './signature.ts';

/**
 * The accepted types of a token of another issuer. `JWT` covers most, ID tokens included; another Edgemint issues `at+jwt`; a JWT-SVID may
 * be a `JOSE`.
 */
export const TOKEN_TYPES: readonly string[] = ['jwt', 'jose', 'at+jwt'];

/**
 * Checks a token of another issuer, as far as that needs no data of the client.
 * @param ownIssuer our own issuer, whose access tokens do not authenticate a client
 * @param now milliseconds since the epoch
 * @returns the algorithm to verify it with, or why it is refused
 */
export function checkFederated(
  { header, claims }: Assertion,
  ownIssuer: string,
  now: number,
): { readonly alg: VerificationAlg } | { readonly failure: AuthenticationFailure } {
  const { alg, typ } = header;
  if (typ !== undefined && !TOKEN_TYPES.includes(mediaType(typ))) return { failure: 'wrong_type' };
  if (!isAmong(FEDERATION_ALGS, alg)) return { failure: 'wrong_algorithm' };
  if (claims.iss === ownIssuer) return { failure: 'wrong_subject' };
  const fault = findTimeFault(claims, now, { maxLifetime: FEDERATED_LIFETIME_MAX, skew: SIGNER_CLOCK_SKEW });
  return fault ? { failure: TIME_FAILURES[fault] } : { alg };
}

/** A token of another issuer that passed every check that needs no data of the client. */
export interface CheckedToken {
  readonly assertion: Assertion;
  readonly alg: VerificationAlg;
  /**
   * How its claims read with the issuer as `aud`, if it has another spelling of the issuer, or, as an authorization grant may, the token
   * endpoint.
   */
  readonly claimsForIssuer: Assertion['claims'] | undefined;
  /** When it was checked, milliseconds since the epoch. */
  readonly checkedAt: number;
}

/**
 * Returns the claims of a token as if it named the issuer in its exact spelling, if its `aud` is another spelling or, of an authorization
 * grant, the token endpoint (RFC 7523 section 3). Returns undefined for any other `aud`.
 */
export function readForIssuer({ claims }: Assertion, context: AssertionContext): CheckedToken['claimsForIssuer'] {
  const { issuer, use } = context;
  const addressee = addresseeOf(claims.aud, context);
  const isForUs = addressee === 'issuer' || (use === 'grant' && addressee === 'token_endpoint');
  return isForUs && claims.aud !== issuer ? { ...claims, aud: issuer } : undefined;
}

/** Returns the identities that a token matches by its claims. Its signature is still to be verified. */
export function matchingIdentities(
  { assertion: { claims, isSvid }, claimsForIssuer }: CheckedToken,
  identities: readonly RegisteredIdentity[],
): readonly RegisteredIdentity[] {
  return identities.filter(
    (identity) =>
      (!isSvid || isTrustDomain(identity.issuer)) &&
      (matchesIdentity(claims, identity) || (claimsForIssuer && matchesIdentity(claimsForIssuer, identity))),
  );
}

/** How a client authenticates, as far as it concerns the tokens of other issuers. */
export type FederatedAuthentication = Pick<ClientAuthentication, 'methods' | 'federated_identities' | 'is_strict'>;

/**
 * Verifies that a checked token belongs to one of the workloads registered for the client. It may be used again until it expires:
 * platforms hand out the same token until then, and [JWT-SVIDs](https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md) need no
 * `jti`.
 * @throws RemoteError if the issuer's keys could not be fetched
 */
export async function verifyFederated(
  token: CheckedToken,
  authentication: FederatedAuthentication,
  remoteKeys: KeyFinder,
): Promise<KeyProof | AuthenticationFailure> {
  if (!authentication.methods.includes('federated_jwt')) return 'method_not_registered';
  // Filter before fetching keys: a token that matches no registered workload must not cause a fetch.
  const candidates = matchingIdentities(token, authentication.federated_identities);
  if (candidates.length === 0) return 'no_such_identity';
  const { assertion, alg, checkedAt } = token;
  let unavailable: RemoteError | undefined;
  for (const identity of candidates) {
    const keys = await findKeys(identity, assertion, alg, remoteKeys, checkedAt).catch(returnRemoteError);
    // The key may still be found at another identity's issuer.
    if (keys instanceof RemoteError) unavailable = keys;
    else if (await isSignedBy(assertion.token, alg, keys)) {
      return { kind: 'key', anchor: credentialRefs.identity(authentication, identity) };
    }
  }
  if (unavailable) throw unavailable;
  return 'no_such_key';
}

async function findKeys(
  { issuer, jwks, jwks_uri }: RegisteredIdentity,
  { header: { kid } }: Assertion,
  alg: VerificationAlg,
  remoteKeys: KeyFinder,
  now: number,
): Promise<readonly CryptoKey[]> {
  const uses = keyUses(issuer);
  if (jwks) {
    const opened = jwks.keys.filter((jwk) => matchesKid(jwk, kid)).map((jwk) => importKeyOnce(jwk, alg, uses));
    return (await Promise.all(opened)).filter((key) => key !== undefined);
  }
  const source = jwks_uri === undefined ? { issuer } : { jwks_uri };
  return remoteKeys.find(source, { alg, uses, ...(kid !== undefined && { kid }) }, now);
}
