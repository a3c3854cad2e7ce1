import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { JWK } from 'jose';
import { hasPrivateMember } from '../../jwt/public-key.ts';
import { isJsonObject } from '../../lib/json.ts';
import { parseTime } from '../../lib/rfc3339.ts';
import { describeSystemError } from '../system-error.ts';
import { UNITS } from './durations.ts';
import { isPem, publicJwksOfPem } from './keys.ts';

// Parsers of option values. Each throws commander's InvalidArgumentError; commander adds the option and the value to the message.

const DURATION = /^(\d{1,9})([smhd]?)$/;

/** Parses a duration such as `90`, `90s`, `30m`, `1h` or `2d`. @returns seconds */
export function seconds(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('A duration is a number with s, m, h or d, such as 30m.');
  return Number(count) * (isUnit(unit) ? UNITS[unit] : 1);
}

function isUnit(text: string | undefined): text is keyof typeof UNITS {
  return text !== undefined && Object.hasOwn(UNITS, text);
}

/** Parses RFC 3339, a day, or a duration before now. @returns RFC 3339 in UTC */
export function pastTime(text: string): string {
  return DURATION.test(text) ? new Date(Date.now() - seconds(text) * 1000).toISOString() : timestamp(text);
}

/** Parses RFC 3339, a day, or a duration after now. @returns RFC 3339 in UTC */
export function futureTime(text: string): string {
  return DURATION.test(text) ? new Date(Date.now() + seconds(text) * 1000).toISOString() : timestamp(text);
}

function timestamp(text: string): string {
  // A day begins at midnight in UTC, and seconds may be left out.
  const full = text.replace(/^\d{4}-\d\d-\d\d$/, '$&T00:00Z').replace(/(T\d\d:\d\d)(?=Z|[+-])/i, '$1:00');
  const time = parseTime(full);
  if (time === undefined) {
    throw new InvalidArgumentError(
      'A time is RFC 3339 such as 2026-01-31T12:00:00Z, a day such as 2026-01-31, or a duration such as 24h.',
    );
  }
  return new Date(time).toISOString();
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, such as 50.');
  return Number(text);
}

/** Parses the limit of a quota; null for `none`. */
export function quotaLimit(text: string): number | null {
  return text === 'none' ? null : wholeNumber(text);
}

/** Parses a resource server and its scopes, such as `"https://api.example.com/orders orders:read orders:write"`. */
export function grant(text: string): { resource_server: string; scopes: string[] } {
  const [resource_server = '', ...scopes] = text.trim().split(/\s+/);
  if (resource_server === '')
    throw new InvalidArgumentError(
      'A grant is a resource server and its scopes, in quotes: "https://api.example.com/orders orders:read".',
    );
  return { resource_server, scopes };
}

/** Parses a scope and its description, such as `"orders:read Read orders"`. */
export function scope(text: string): { name: string; description: string } {
  const [, name = '', description = ''] = /^(\S+)\s*(.*)$/s.exec(text.trim()) ?? [];
  if (name === '')
    throw new InvalidArgumentError(
      'A scope is a name and an optional description, in quotes: "orders:read Read orders".',
    );
  return { name, description };
}

/** Parses tokens per minute and burst, such as `600/100`. */
export function rateLimit(text: string): { per_minute: number; burst: number } {
  const [, per_minute, burst] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  if (!per_minute || !burst)
    throw new InvalidArgumentError('A rate limit is token requests per minute and burst, such as 600/100.');
  return { per_minute: Number(per_minute), burst: Number(burst) };
}

/** Parses `key=value`. */
export function member(text: string): readonly [string, string] {
  const separator = text.indexOf('=');
  if (separator < 1) throw new InvalidArgumentError('It must be key=value, such as team=billing.');
  return [text.slice(0, separator), text.slice(separator + 1)];
}

export function jsonObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {}
  throw new InvalidArgumentError('It must be a JSON object.');
}

/** Reads a JWK Set from a file that holds one, a single JWK, or public keys and certificates in PEM. It refuses private keys, so that they never leave this machine. */
export function jwksFile(file: string): { keys: JWK[] } {
  const text = readText(file);
  if (isPem(text)) return { keys: pemKeys(text) };
  const value = jsonObject(text) as { keys?: unknown };
  const keys: unknown[] = Array.isArray(value.keys) ? value.keys : [value];
  if (keys.some((key) => typeof key === 'object' && key !== null && hasPrivateMember(key))) {
    throw new InvalidArgumentError('It holds a private key. Use a file that holds public keys only.');
  }
  return { keys: keys as JWK[] };
}

function pemKeys(text: string): JWK[] {
  let keys: JWK[] | undefined;
  try {
    keys = publicJwksOfPem(text);
  } catch {
    throw new InvalidArgumentError('It holds PEM that is neither a public key nor a certificate.');
  }
  if (keys) return keys;
  throw new InvalidArgumentError(
    'It holds a private key. Use its public part: openssl pkey -in private.pem -pubout -out public.pem.',
  );
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(describeSystemError(error, file) ?? 'The file could not be read.');
  }
}
