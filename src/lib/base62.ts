const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Encodes a number in base 62, padded with zeros on the left to `length` characters. */
export function base62(value: bigint, length: number): string {
  let digits = '';
  let rest = value;
  for (; rest > Number.MAX_SAFE_INTEGER; rest /= 62n) digits = ALPHABET.charAt(Number(rest % 62n)) + digits;
  // Faster than with big integers: the checksum of a secret is computed for each token.
  for (let small = Number(rest); small > 0; small = Math.floor(small / 62))
    digits = ALPHABET.charAt(small % 62) + digits;
  return digits.padStart(length, '0');
}

/** Reads bytes as one big-endian number. */
export function toBigInt(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}
