import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { JWK } from 'jose';
import { hasPrivateMember } from '../../jwt/public-key.ts';
import { isJsonObject } from '../../lib/json.ts';

// What arguments stand for. Each throws commander's InvalidArgumentError, which names the option in the message.

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const DURATION = /^(\d{1,9})([smhd]?)$/;

/** `90`, `90s`, `30m`, `1h`, `2d`: seconds. */
export function seconds(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('A duration is a number with s, m, h or d, as in 30m.');
  return Number(count) * (isUnit(unit) ? UNITS[unit] : 1);
}

function isUnit(text: string | undefined): text is keyof typeof UNITS {
  return text !== undefined && Object.hasOwn(UNITS, text);
}

/** RFC 3339, a day, or a duration that goes back from now: RFC 3339 in UTC. */
export function pastTime(text: string): string {
  return DURATION.test(text) ? new Date(Date.now() - seconds(text) * 1000).toISOString() : timestamp(text);
}

/** RFC 3339, a day, or a duration from now on: RFC 3339 in UTC. */
export function futureTime(text: string): string {
  return DURATION.test(text) ? new Date(Date.now() + seconds(text) * 1000).toISOString() : timestamp(text);
}

function timestamp(text: string): string {
  const isKnown = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/i.test(text);
  const time = isKnown ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new InvalidArgumentError('A time is 2026-01-31T12:00:00Z, a day 2026-01-31, or a duration as in 24h.');
  }
  return new Date(time).toISOString();
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** A resource server and its scopes, as in `"https://api.example.com/orders orders:read orders:write"`. */
export function grant(text: string): { resource_server: string; scopes: string[] } {
  const [resource_server = '', ...scopes] = text.trim().split(/\s+/);
  if (resource_server === '') throw new InvalidArgumentError('A grant is a resource server and its scopes, in quotes.');
  return { resource_server, scopes };
}

/** A scope and its description, as in `"orders:read Read orders"`. */
export function scope(text: string): { name: string; description: string } {
  const [, name = '', description = ''] = /^(\S+)\s*(.*)$/s.exec(text.trim()) ?? [];
  if (name === '') throw new InvalidArgumentError('A scope is a name, and perhaps a description behind it, in quotes.');
  return { name, description };
}

/** Tokens per minute and burst, as in `600/100`. */
export function rateLimit(text: string): { per_minute: number; burst: number } {
  const [, per_minute, burst] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  if (!per_minute || !burst) throw new InvalidArgumentError('A rate limit is per minute and burst, as in 600/100.');
  return { per_minute: Number(per_minute), burst: Number(burst) };
}

/** `key=value`. */
export function member(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be key=value.');
  return [text.slice(0, at), text.slice(at + 1)];
}

export function jsonObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {}
  throw new InvalidArgumentError('It must be a JSON object.');
}

/** The JWK Set that a file holds, or that is made of the one JWK in it. What is secret stays where it is. */
export function jwksFile(file: string): { keys: JWK[] } {
  const value = jsonObject(readText(file)) as { keys?: unknown };
  const keys: unknown[] = Array.isArray(value.keys) ? value.keys : [value];
  if (keys.some((key) => typeof key === 'object' && key !== null && hasPrivateMember(key))) {
    throw new InvalidArgumentError('It holds a private key: give the public ones alone.');
  }
  return { keys: keys as JWK[] };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
