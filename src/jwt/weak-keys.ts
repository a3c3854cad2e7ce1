import { base64url } from 'jose';

// Detects public keys that are so weak that anybody can sign with them. The runtime accepts them.

// Modulo each of these primes, a vulnerable modulus is a power of 65537. Of 240 million other moduli, one is so by chance.
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];

let residuesByPrime: ReadonlyMap<number, ReadonlySet<number>> | undefined;

/**
 * Whether an RSA modulus, in base64url, has the fingerprint of keys that can be factored. A widespread library in smart cards and TPMs made
 * them ([ROCA, CVE-2017-15361](https://crocs.fi.muni.cz/public/papers/rsa_ccs17)).
 */
export function isRocaModulus(n: string): boolean {
  residuesByPrime ??= new Map(PRIMES.map((prime) => [prime, powersOf65537(prime)]));
  const modulus = BigInt(`0x${hex(base64url.decode(n))}`);
  return [...residuesByPrime].every(([prime, residues]) => residues.has(Number(modulus % BigInt(prime))));
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power);
  return powers;
}

/**
 * Whether an Ed25519 public key, in base64url, is a point of small order. Anybody can make signatures that verify under such a key
 * ([RFC 7748 section 7](https://www.rfc-editor.org/rfc/rfc7748#section-7) describes the same for X25519).
 */
export function hasSmallOrder(x: string): boolean {
  const point = base64url.decode(x);
  // The last bit chooses between two points with the same y. Both have the same order.
  if (point.length === 32) point[31] = (point[31] ?? 0) & 0x7f;
  return SMALL_ORDER.has(hex(point));
}

// The y coordinates of the eight points whose order divides eight, in canonical form, and in the second form above the field's prime.
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

// The command line checks keys in versions of Node that have no `Uint8Array.prototype.toHex`.
function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
