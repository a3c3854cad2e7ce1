import { base62, toBigInt } from '../lib/base62.ts';
import { CHECKSUM_LENGTH, SECRET_BODY_LENGTH, SECRET_HINT_LENGTH, SECRET_RANDOM_BYTES } from './constants.ts';

/** `ems_`: a client secret; `emk_`: an organization's API key; `emr_`: a root API key. */
export type SecretPrefix = 'ems_' | 'emk_' | 'emr_';

const CHARACTERS = /^[0-9A-Za-z_]+$/;

/** A new secret of 256 random bits: prefix, 43 base62 characters, and 6 of checksum by which a scanner knows a leaked one from noise. */
export function generateSecret(prefix: SecretPrefix): string {
  return appendChecksum(generateSecretBody(prefix));
}

/** The prefix and 43 random base62 characters: a secret that something more is to be put behind before its checksum. */
export function generateSecretBody(prefix: SecretPrefix): string {
  return prefix + base62(toBigInt(crypto.getRandomValues(new Uint8Array(SECRET_RANDOM_BYTES))), SECRET_BODY_LENGTH);
}

/** The text with its checksum of 6 characters behind it. */
export function appendChecksum(text: string): string {
  return text + base62(BigInt(crc32(text)), CHECKSUM_LENGTH);
}

/** The text without its checksum; undefined where it is not as long as it must be, or the checksum is not its own: a typo or an invention. */
export function stripChecksum(text: string, prefix: SecretPrefix, extraLength = 0): string | undefined {
  const length = prefix.length + SECRET_BODY_LENGTH + extraLength + CHECKSUM_LENGTH;
  if (text.length !== length || !text.startsWith(prefix) || !CHARACTERS.test(text)) return undefined;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return appendChecksum(body) === text ? body : undefined;
}

/** Whether the text has the form of a generated secret, checksum included: `false` is a typo or an invention, and no store need be asked. */
export function isWellFormedSecret(text: string, prefix: SecretPrefix): boolean {
  return stripChecksum(text, prefix) !== undefined;
}

/** The last four characters, by which a person tells one secret from another. */
export function secretHint(secret: string): string {
  return secret.slice(-SECRET_HINT_LENGTH);
}

// A checksum, not cryptography: the CRC-32 of ISO 3309, as in zip and in the tokens of large code hosts.
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
