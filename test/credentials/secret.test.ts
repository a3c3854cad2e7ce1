import { describe, expect, test } from 'vitest';
import { generateSecret, isWellFormedSecret, secretHint } from '../../src/credentials/secret.ts';
import { type Credentials, create } from '../http.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Counts how often each of the 256 random bits is set. */
function countBits(secrets: readonly string[]): number[] {
  const ones = new Array<number>(256).fill(0);
  for (const secret of secrets) {
    let value = [...secret.slice(4, -6)].reduce((number, char) => number * 62n + BigInt(ALPHABET.indexOf(char)), 0n);
    for (let bit = 0; bit < 256; bit++, value >>= 1n) ones[bit] = (ones[bit] ?? 0) + Number(value & 1n);
    expect(value).toBe(0n);
  }
  return ones;
}

test('T16: a secret that the service gives out cannot be guessed: each of 256 bits is as likely set as not', async () => {
  const { id } = await create('organizations', { name: 'secrets' });
  const secrets: string[] = [];
  for (let i = 0; i < 64; i++) {
    const client = await create<Credentials>('clients', { organization_id: id, client_name: `client ${i}` });
    expect(client.client_secret).toMatch(/^ems_[0-9A-Za-z]{49}$/);
    secrets.push(client.client_secret);
  }
  // Half of 64, give or take seven standard deviations: a sound generator fails this less than once in a billion runs.
  for (const set of countBits(secrets)) expect(Math.abs(set - 32)).toBeLessThanOrEqual(28);
});

describe('a generated secret', () => {
  test.each(['ems_', 'emk_'] as const)('has the form of its kind, %s, and of no other', (prefix) => {
    const secret = generateSecret(prefix);
    expect(secret).toMatch(new RegExp(`^${prefix}[0-9A-Za-z]{43}[0-9A-Za-z]{6}$`));
    expect(isWellFormedSecret(secret, prefix)).toBe(true);
    expect(isWellFormedSecret(secret, prefix === 'ems_' ? 'emk_' : 'ems_')).toBe(false);
  });

  test('has 256 bits of its own', () => {
    const secrets = Array.from({ length: 2000 }, () => generateSecret('ems_'));
    expect(new Set(secrets).size).toBe(secrets.length);
    // Half, with a tolerance of ten standard deviations.
    for (const set of countBits(secrets)) expect(Math.abs(set - 1000)).toBeLessThan(224);
  });

  test('shows its last four characters as a hint', () => {
    const secret = generateSecret('ems_');
    expect(secret.endsWith(secretHint(secret))).toBe(true);
    expect(secretHint(secret)).toHaveLength(4);
  });
});

describe('the checksum', () => {
  // All implementations agree on CRC-32, so a scanner needs no code from here. This is zlib's value for this text.
  test('is the CRC-32 of what stands before it, in base 62', () => {
    expect(isWellFormedSecret(`ems_${'0'.repeat(43)}4e7rFO`, 'ems_')).toBe(true);
  });

  test('tells every typo of a single character', () => {
    const secret = generateSecret('ems_');
    for (let at = 0; at < secret.length; at++) {
      for (const char of ALPHABET) {
        if (char === secret.charAt(at)) continue;
        const typo = secret.slice(0, at) + char + secret.slice(at + 1);
        expect(isWellFormedSecret(typo, 'ems_'), `${char} at ${at}`).toBe(false);
      }
    }
  });

  test('tells two neighbours that changed places', () => {
    const secret = generateSecret('ems_');
    for (let at = 4; at + 1 < secret.length; at++) {
      const [left, right] = [secret.charAt(at), secret.charAt(at + 1)];
      if (left === right) continue;
      const typo = secret.slice(0, at) + right + left + secret.slice(at + 2);
      expect(isWellFormedSecret(typo, 'ems_'), `at ${at}`).toBe(false);
    }
  });

  test('tells a character too few, one too many, and white space around', () => {
    const secret = generateSecret('ems_');
    for (const text of ['', secret.slice(0, -1), secret.slice(1), `${secret}0`, ` ${secret}`, `${secret}\n`]) {
      expect(isWellFormedSecret(text, 'ems_'), JSON.stringify(text)).toBe(false);
    }
  });
});
