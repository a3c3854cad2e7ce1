import { isTrustDomain, keyUses, matchesIdentity } from '../../federation/identity.ts';
import { credentialRefs } from '../../gates/credential-refs.ts';
import type { ClientAuthentication, KeyProof, RegisteredIdentity } from '../../gates/protocol.ts';
import { timeFault } from '../../jwt/claims.ts';
import { mediaType } from '../../jwt/compact.ts';
import { FEDERATION_ALGS, isAmong, type VerificationAlg } from '../../jwt/public-key.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import { RemoteError } from '../../remote-keys/remote-error.ts';
import type { RemoteKeys } from '../../remote-keys/remote-keys.ts';
import { FEDERATED_LIFETIME_MAX, SIGNER_CLOCK_SKEW } from '../constants.ts';
import { type Assertion, TIME_FAILURES } from './assertion.ts';
import { isSignedBy, mayBeNamed, openKey } from './signature.ts';

/** What a token of another issuer may say that it is: one for signing in, any JWT, or, as another Edgemint's, an access token; a JWT-SVID may be a `JOSE`. */
const TYPES = ['jwt', 'jose', 'at+jwt'];

/**
 * Checks of a token of another issuer what can be told before it is known whom the client trusts.
 * @param ownIssuer our own: its access tokens prove no client
 * @param now milliseconds since the epoch
 * @returns the algorithm by which it is to be verified, or why it is refused
 */
export function checkFederated(
  { header, claims }: Assertion,
  ownIssuer: string,
  now: number,
): { readonly alg: VerificationAlg } | { readonly failure: AuthenticationFailure } {
  const { alg, typ } = header;
  if (typ !== undefined && !TYPES.includes(mediaType(typ))) return { failure: 'wrong_type' };
  if (!isAmong(FEDERATION_ALGS, alg)) return { failure: 'wrong_algorithm' };
  if (claims.iss === ownIssuer) return { failure: 'wrong_subject' };
  const fault = timeFault(claims, now, { maxLifetime: FEDERATED_LIFETIME_MAX, skew: SIGNER_CLOCK_SKEW });
  return fault ? { failure: TIME_FAILURES[fault] } : { alg };
}

/**
 * Verifies a checked token of another issuer as one of the workloads that the client trusts. It may be used again for as long as it is
 * good: platforms hand the same one out until it is about to expire, and [JWT-SVIDs](https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md)
 * need have no `jti`.
 * @param now milliseconds since the epoch
 * @throws RemoteError where the issuer's keys could not be had
 */
export async function verifyFederated(
  assertion: Assertion,
  alg: VerificationAlg,
  authentication: ClientAuthentication,
  remoteKeys: RemoteKeys,
  now: number,
): Promise<KeyProof | AuthenticationFailure> {
  if (!authentication.methods.includes('federated_jwt')) return 'method_not_registered';
  // Before any key is fetched: whose token it cannot be makes nobody ask for it.
  const candidates = authentication.federated_identities.filter(
    (identity) => (!assertion.isSvid || isTrustDomain(identity.issuer)) && matchesIdentity(assertion.claims, identity),
  );
  if (candidates.length === 0) return 'no_such_identity';
  let unavailable: RemoteError | undefined;
  for (const identity of candidates) {
    const keys = await keysOf(identity, assertion, alg, remoteKeys, now).catch(unlessUnavailable);
    if (keys instanceof RemoteError) unavailable = keys;
    else if (await isSignedBy(assertion.token, alg, keys)) {
      return { kind: 'key', anchor: credentialRefs.identity(authentication, identity) };
    }
  }
  if (unavailable) throw unavailable;
  return 'no_such_key';
}

// Another of the identities may have the key.
function unlessUnavailable(error: unknown): RemoteError {
  if (error instanceof RemoteError) return error;
  throw error;
}

async function keysOf(
  { issuer, jwks, jwks_uri }: RegisteredIdentity,
  { header: { kid } }: Assertion,
  alg: VerificationAlg,
  remoteKeys: RemoteKeys,
  now: number,
): Promise<readonly CryptoKey[]> {
  const uses = keyUses(issuer);
  if (jwks) {
    const opened = jwks.keys.filter((jwk) => mayBeNamed(jwk, kid)).map((jwk) => openKey(jwk, alg, uses));
    return (await Promise.all(opened)).filter((key) => key !== undefined);
  }
  const source = jwks_uri === undefined ? { issuer } : { jwks_uri };
  return remoteKeys.find(source, { alg, uses, ...(kid !== undefined && { kid }) }, now);
}
