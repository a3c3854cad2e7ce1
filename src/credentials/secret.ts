import { base62, toBigInt } from '../lib/base62.ts';
import { CHECKSUM_LENGTH, SECRET_BODY_LENGTH, SECRET_HINT_LENGTH, SECRET_RANDOM_BYTES } from './constants.ts';

/** The kind of a secret. `ems_`: a client secret; `emk_`: an organization's API key; `emr_`: a root API key; `emo_`: the cookie of a console
 * session; `eml_`: the token of a one-time link to it. */
export type SecretPrefix = 'ems_' | 'emk_' | 'emr_' | 'emo_' | 'eml_';

const CHARACTERS = /^[0-9A-Za-z_]+$/;

/** Generates a secret: prefix, 256 random bits in base62, and a checksum by which scanners recognize leaked secrets. */
export function generateSecret(prefix: SecretPrefix): string {
  return appendChecksum(generateSecretBody(prefix));
}

/** Generates a secret without its checksum, for a kind of secret that appends more before the checksum. */
export function generateSecretBody(prefix: SecretPrefix): string {
  return prefix + base62(toBigInt(crypto.getRandomValues(new Uint8Array(SECRET_RANDOM_BYTES))), SECRET_BODY_LENGTH);
}

/** Appends the checksum of a text. */
export function appendChecksum(text: string): string {
  return text + base62(BigInt(crc32(text)), CHECKSUM_LENGTH);
}

/**
 * Removes the checksum of a secret. Returns undefined if the length, prefix or checksum is wrong: the text is mistyped or invented.
 * @param extraLength the characters that its kind appends before the checksum
 */
export function stripChecksum(text: string, prefix: SecretPrefix, extraLength = 0): string | undefined {
  const length = prefix.length + SECRET_BODY_LENGTH + extraLength + CHECKSUM_LENGTH;
  if (text.length !== length || !text.startsWith(prefix) || !CHARACTERS.test(text)) return undefined;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return appendChecksum(body) === text ? body : undefined;
}

/** Whether a text has the form and checksum of a generated secret. If not, it is mistyped or invented, and needs no store call. */
export function isWellFormedSecret(text: string, prefix: SecretPrefix): boolean {
  return stripChecksum(text, prefix) !== undefined;
}

/** Returns the last characters of a secret, by which people tell secrets apart. */
export function secretHint(secret: string): string {
  return secret.slice(-SECRET_HINT_LENGTH);
}

// A checksum against typing errors, not cryptography: the CRC-32 of ISO 3309, as in zip files and in the tokens of large code hosts.
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) crc = (CRC_TABLE[(crc ^ text.charCodeAt(i)) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
