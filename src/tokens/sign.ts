import type { AccessTokenTyp, SigningAlg } from '../gates/protocol.ts';
import type { SigningKey } from '../keys/signing-key.ts';
import { Redacted } from '../log/redacted.ts';
import type { AccessTokenClaims } from './access-token.ts';

const encoder = new TextEncoder();

/**
 * WebCrypto's parameters of each algorithm ([RFC 7518 section 3](https://www.rfc-editor.org/rfc/rfc7518#section-3), RFC 8037 section 3.1).
 */
const PARAMETERS: Readonly<Record<SigningAlg, SubtleCryptoSignAlgorithm>> = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5' },
  EdDSA: { name: 'Ed25519' },
};

/** The `typ` header of a JWT access token ([RFC 9068 section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)), by default. */
const ACCESS_TOKEN_TYP: AccessTokenTyp = 'at+jwt';

/** The encoded headers of a key's tokens, by `typ`. */
const headers = new WeakMap<SigningKey, Map<AccessTokenTyp, string>>();

/**
 * Signs an access token, as a compact JWS ([RFC 7515 section 7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
 *
 * The one signature that jose does not make: this is the hot path. The header of a key's tokens is encoded once, and the claims are
 * complete, so nothing is left of jose's work but the call to WebCrypto. A test compares the tokens with those of jose.
 */
export async function signAccessToken(
  claims: AccessTokenClaims,
  key: SigningKey,
  typ: AccessTokenTyp = ACCESS_TOKEN_TYP,
): Promise<Redacted> {
  const input = `${encodedHeader(key, typ)}.${base64url(encoder.encode(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign(PARAMETERS[key.alg], key.privateKey, encoder.encode(input));
  return new Redacted(`${input}.${base64url(new Uint8Array(signature))}`);
}

function encodedHeader(key: SigningKey, typ: AccessTokenTyp): string {
  const ofKey = headers.get(key) ?? new Map<AccessTokenTyp, string>();
  headers.set(key, ofKey);
  const { alg, kid } = key;
  const encoded = ofKey.get(typ) ?? base64url(encoder.encode(JSON.stringify({ alg, typ, kid })));
  ofKey.set(typ, encoded);
  return encoded;
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: 'base64url', omitPadding: true });
}
