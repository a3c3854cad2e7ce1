import { base64url, calculateJwkThumbprint, compactVerify, EmbeddedJWK, type JWSHeaderParameters } from 'jose';
import { isObject } from '../lib/http.ts';
import { sha256 } from '../lib/sha256.ts';
import { PROOF_AGE, PROOF_ID_LENGTH_MAX } from './constants.ts';

/** What a DPoP proof must be for. */
export interface ExpectedProof {
  readonly method: string;
  readonly url: string;
  /** The access token that was sent along. */
  readonly token: string;
  /** The thumbprint that the token is bound to. */
  readonly jkt: string;
  readonly algs: readonly string[];
  /** Seconds by which the clocks may differ. */
  readonly tolerance: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A proof that is right, as far as it can be judged without a memory. */
export interface Proof {
  /** Unique among the proofs of all keys. */
  readonly id: string;
  /** When its age makes it unusable, milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly nonce: unknown;
}

/**
 * Checks a DPoP proof ([RFC 9449 section 4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)), except its nonce and whether it was used
 * before. @returns the proof, or what is wrong with it
 */
export async function judgeProof(proof: string, expected: ExpectedProof): Promise<Proof | string> {
  let thumbprint = '';
  const keyOf = async (
    header: JWSHeaderParameters | undefined,
    input: { payload: string | Uint8Array; signature: string },
  ) => {
    if (header?.typ !== 'dpop+jwt') throw new Error('typ');
    thumbprint = await calculateJwkThumbprint(header.jwk ?? {});
    return EmbeddedJWK(header, input);
  };
  const verified = await compactVerify(proof, keyOf, { algorithms: [...expected.algs] }).catch(() => undefined);
  const claims = verified && parse(verified.payload);
  if (!claims) return 'The DPoP proof is not valid.';
  const { htm, htu, iat, jti, ath, nonce } = claims;
  const { method, url, token, jkt, tolerance, now } = expected;
  if (thumbprint !== jkt) return 'The DPoP proof is of another key than the token.';
  if (htm !== method) return 'The DPoP proof is for another method.';
  const location = locationOf(url);
  if (location === undefined || typeof htu !== 'string' || locationOf(htu) !== location)
    return 'The DPoP proof is for another URL.';
  if (ath !== base64url.encode(await sha256(token))) return 'The DPoP proof is for another token.';
  if (typeof jti !== 'string' || jti === '' || jti.length > PROOF_ID_LENGTH_MAX)
    return 'The DPoP proof has no valid jti.';
  if (typeof iat !== 'number' || !(Math.abs(now / 1000 - iat) <= PROOF_AGE + tolerance)) {
    return 'The DPoP proof is too old, or from the future.';
  }
  return { id: `${jkt} ${jti}`, expiresAt: (iat + PROOF_AGE + tolerance) * 1000, nonce };
}

/** Returns a URL without query and fragment, in the form of RFC 3986 section 6.2.2 and 6.2.3; undefined if it is none of HTTP. */
function locationOf(url: string): string | undefined {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return undefined;
  const { protocol, host, pathname } = new URL(url);
  // Letters and digits mean the same whether they are encoded or not.
  const path = pathname.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
  return `${protocol}//${host}${path}`;
}

function parse(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    return isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}
