import { expect, test } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { isStrongSecret } from '../../src/credentials/secret-strength.ts';
import { seeded } from '../random.ts';

const random = seeded(20260701);

function drawn(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join('');
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
const HEX = '0123456789abcdef';
const BASE64URL = `${UPPER}${LOWER}${DIGITS}-_`;

// The forms of secrets that other providers generate.
test.each([
  ['a UUID, as older Keycloak', () => drawn(HEX, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')],
  ['32 hexadecimal digits', () => drawn(HEX, 32)],
  ['64 hexadecimal digits in capitals', () => drawn(HEX.toUpperCase(), 64)],
  ['32 letters and digits, as Keycloak', () => drawn(UPPER + LOWER + DIGITS, 32)],
  ['64 characters of base64url, as Auth0 and Okta', () => drawn(BASE64URL, 64)],
  ['40 characters of base64url, as older Okta', () => drawn(BASE64URL, 40)],
  ['52 lower letters and digits, as Cognito', () => drawn(LOWER + DIGITS, 52)],
  ['40 characters with a tilde and dots, as Entra ID', () => `${drawn(BASE64URL, 3)}8Q~${drawn(`${BASE64URL}.~`, 34)}`],
  ['24 characters of base64url, as older Google', () => drawn(BASE64URL, 24)],
  ['30 lower letters and digits, as Twitch', () => drawn(LOWER + DIGITS, 30)],
  ['32 bytes in base64', () => btoa(String.fromCharCode(...random.bytes(32)))],
  ['one that is generated here', () => generateSecret('ems_')],
])('%s is strong, of 200 of them all but one at most', (_, make) => {
  const refused = Array.from({ length: 2000 }, make).filter((secret) => !isStrongSecret(secret));
  expect(refused.length, refused[0]).toBeLessThanOrEqual(10);
});

test.each([
  ['nothing', ''],
  ['one character', 'x'],
  ['a word', 'password'],
  ['16 hexadecimal digits, which are 64 bits', 'c56f1a3b9e0d2847'],
  ['one character, often', 'a'.repeat(256)],
  ['two characters, often', 'ab'.repeat(100)],
  ['a word, often', 'changeme'.repeat(8)],
  ['a word, often, and some of it', `${'changeme-'.repeat(7)}change`],
  ['a strong half twice', drawn(BASE64URL, 14).repeat(2)],
  ['ten digits, often', DIGITS.repeat(20)],
  ['the alphabet', LOWER],
  ['the alphabet in both cases', LOWER + UPPER],
  ['the alphabet backwards, with digits', [...(DIGITS + LOWER)].reverse().join('')],
  ['hexadecimal digits in order, and again', HEX + HEX],
  ['words that are joined', 'secret-secrets-for-the-test'],
  ['a name and a year', 'orders-service-secret-2026'],
  ['zeros and a few digits', `${'0'.repeat(40)}12345678`],
])('%s is weak', (_, secret) => {
  expect(isStrongSecret(secret), secret).toBe(false);
});
