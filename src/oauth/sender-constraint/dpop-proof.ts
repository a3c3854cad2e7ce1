import { calculateJwkThumbprint, type JWK } from 'jose';
import { isNumericDate } from '../../jwt/claims.ts';
import { mediaType, readUnverified } from '../../jwt/compact.ts';
import { fitsAlg, importPublicKey, isAmong, VERIFICATION_ALGS, type VerificationAlg } from '../../jwt/public-key.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import { isJsonObject } from '../../lib/json.ts';
import type { ProofFailure } from '../../log/reasons.ts';
import { Redacted } from '../../log/redacted.ts';
import { isSignedBy } from '../client-authentication/signature.ts';
import {
  CACHED_PROOF_KEYS_MAX,
  DPOP_HEADER_MAX,
  DPOP_PROOF_AGE,
  PROOF_JTI_LENGTH_MAX,
  SIGNER_CLOCK_SKEW,
} from '../constants.ts';

/** A valid DPoP proof. It is for one request. */
export interface DpopProof {
  /** The thumbprint of its key ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)). */
  readonly jkt: string;
  readonly alg: VerificationAlg;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly nonce: string | undefined;
}

/** The request that a proof must be for. */
export interface ProvenRequest {
  readonly method: string;
  /** Without query and fragment. */
  readonly uri: string;
}

interface ProofKey {
  readonly jkt: string;
  readonly alg: VerificationAlg;
  readonly key: CryptoKey;
}

// Keyed by the JWS header that contains the key: a client sends the same header with each proof.
const keys = new ExpiringCache<ProofKey>(CACHED_PROOF_KEYS_MAX);

/**
 * Checks a DPoP proof ([RFC 9449 section 4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)). The client's gate checks the rest:
 * whether the proof was used before, and whether it needs a nonce.
 * @param header the value of the `DPoP` header. Several headers arrive as one value with commas, which is not a JWT and is refused.
 * @param now milliseconds since the epoch
 * @returns the proof's content, or why it is refused
 */
export async function checkProof(
  header: string,
  request: ProvenRequest,
  now: number,
): Promise<DpopProof | ProofFailure> {
  const jwt = header.length <= DPOP_HEADER_MAX ? readUnverified(header) : undefined;
  if (!jwt) return 'proof_malformed';
  const { jti, htm, htu, iat, nonce } = jwt.claims;
  if (jwt.header.typ === undefined || mediaType(jwt.header.typ) !== 'dpop+jwt') return 'proof_wrong_type';
  if (!isAmong(VERIFICATION_ALGS, jwt.header.alg)) return 'proof_wrong_algorithm';
  if (typeof jti !== 'string' || jti === '' || jti.length > PROOF_JTI_LENGTH_MAX) return 'proof_malformed';
  if (typeof htm !== 'string' || typeof htu !== 'string' || !isNumericDate(iat)) return 'proof_malformed';
  if (nonce !== undefined && typeof nonce !== 'string') return 'proof_malformed';
  if (htm !== request.method) return 'proof_wrong_method';
  if (withoutQuery(htu) !== withoutQuery(request.uri)) return 'proof_wrong_uri';
  if (iat > now / 1000 + SIGNER_CLOCK_SKEW) return 'proof_from_the_future';
  if (iat < now / 1000 - DPOP_PROOF_AGE) return 'proof_too_old';
  const key = await importProofKey(header, jwt.header.alg, jwt.header.jwk);
  if (!key) return 'proof_wrong_key';
  if (!(await isSignedBy(new Redacted(header), key.alg, [key.key]))) return 'proof_wrong_signature';
  return { jkt: key.jkt, alg: key.alg, jti, iat, nonce };
}

/** Imports the key in a proof's header. Any key will do: the proof shows that the sender has it, and the token is bound to it. */
async function importProofKey(proof: string, alg: VerificationAlg, jwk: unknown): Promise<ProofKey | undefined> {
  const header = proof.slice(0, proof.indexOf('.'));
  const cached = keys.get(header, 0);
  if (cached) return cached;
  if (!isJsonObject(jwk) || !fitsAlg(jwk as JWK, alg)) return undefined;
  try {
    const proofKey = {
      alg,
      key: await importPublicKey(jwk as JWK, alg),
      jkt: await calculateJwkThumbprint(jwk as JWK),
    };
    keys.set(header, proofKey);
    return proofKey;
  } catch {
    return undefined;
  }
}

/**
 * Returns a URI without query and fragment, normalized by [RFC 3986 section 6.2](https://www.rfc-editor.org/rfc/rfc3986#section-6.2) so
 * that spellings compare.
 */
function withoutQuery(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (!url) return undefined;
  url.search = '';
  url.hash = '';
  // The parser keeps percent-encoded characters as they were written, so they are normalized here.
  return url.href.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
}
