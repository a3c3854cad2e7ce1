import { base64url } from 'jose';
import type { Moment } from '../lib/moment.ts';
import { CLOCK_ERROR_MS } from './constants.ts';
import { HeldToken, type Token } from './held-token.ts';
import { nextRenewal } from './renewal.ts';

/**
 * A store that several processes share, so that they use one token. It holds access tokens: only these processes may read it.
 *
 * With `acquire` and `release`, one process at a time requests a token. Without them, processes that start in the same moment may each request
 * one. A store that fails does no harm: the source then requests a token itself.
 */
export interface TokenStore {
  /** Returns the value of a key, if it is there. */
  get(key: string): Promise<string | null | undefined>;
  /** Sets the value of a key for so many seconds. */
  set(key: string, value: string, ttlSeconds: number): Promise<void>;
  /** Takes the lease of a key if it is free, or extends it for its holder. @returns whether the holder has it */
  acquire?(key: string, holder: string, ttlMs: number): Promise<boolean>;
  /** Gives the lease back, if the holder has it. */
  release?(key: string, holder: string): Promise<void>;
}

/** A record of a shared store, version 1. Processes with other versions of this package may read it. */
interface StoredToken extends Token {
  readonly v: 1;
  /** Milliseconds. */
  readonly lifetime: number;
}

/** Returns the key of a token in a store. The parts determine which token it is. */
export async function storeKey(parts: readonly unknown[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  return `edgemint-sdk:${base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))}`;
}

/** Returns the record of a token. */
export function toRecord({ token, lifetimeMs }: { readonly token: Token; readonly lifetimeMs: number }): string {
  return JSON.stringify({ v: 1, ...token, lifetime: lifetimeMs } satisfies StoredToken);
}

/**
 * Reads a record.
 * @param latest the latest time that it may be at the server; without it, the machine's clock counts, and may be wrong by `CLOCK_ERROR_MS`
 * @returns undefined if it is no record of a token, or if the token may have expired
 */
export function fromRecord(record: string, latest: number | undefined, now: Moment): HeldToken | undefined {
  const stored = parse(record);
  if (!stored) return undefined;
  const { access_token, token_type, expires_at, scope, lifetime } = stored;
  const left = expires_at * 1000 - (latest ?? now.wall + CLOCK_ERROR_MS);
  const token = { access_token, token_type, expires_at, scope };
  const renewal = nextRenewal() * lifetime - (lifetime - left);
  const held = new HeldToken(token, lifetime, left, renewal, now);
  return held.standing(now.monotonic, now.wall) === 'expired' ? undefined : held;
}

function parse(record: string): StoredToken | undefined {
  try {
    const stored = JSON.parse(record) as StoredToken;
    const isToken = typeof stored.access_token === 'string' && ['Bearer', 'DPoP'].includes(stored.token_type);
    return stored.v === 1 && isToken && stored.expires_at > 0 && stored.lifetime > 0 ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** The methods of a Workers KV namespace that `kvStore` uses. */
export interface KvNamespace {
  get(key: string): Promise<string | null>;
  put(key: string, value: string, options: { expirationTtl: number }): Promise<void>;
}

/** The shortest time that Workers KV keeps a value, in seconds. */
const KV_TTL_MIN = 60;

/**
 * Shares tokens through Workers KV ([RFC 6749 section 10.3](https://www.rfc-editor.org/rfc/rfc6749#section-10.3): everybody who reads them
 * can use them). KV has no lease, and a location may see a new token a minute late: several locations may request one at the same time.
 * @example
 * const source = tokenSource({ issuer, client, store: kvStore(env.TOKENS) });
 */
export function kvStore(namespace: KvNamespace): TokenStore {
  return {
    get: (key) => namespace.get(key),
    set: (key, value, ttl) => namespace.put(key, value, { expirationTtl: Math.max(KV_TTL_MIN, Math.ceil(ttl)) }),
  };
}

/** Deletes the lease if it is the holder's. */
const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/**
 * Shares tokens through Redis, with a lease
 * ([RFC 6749 section 10.3](https://www.rfc-editor.org/rfc/rfc6749#section-10.3): everybody who reads them can use them).
 * @param command sends a command to Redis: `(words) => client.sendCommand(words)` with node-redis,
 * `([name, ...words]) => redis.call(name, ...words)` with ioredis
 * @example
 * const store = redisStore((words) => client.sendCommand(words));
 */
export function redisStore(command: (words: string[]) => Promise<unknown>): TokenStore {
  const get = async (key: string) => {
    const value = await command(['GET', key]);
    return value === null || value === undefined ? undefined : String(value);
  };
  return {
    get,
    set: async (key, value, ttl) => {
      await command(['SET', key, value, 'EX', String(Math.ceil(ttl))]);
    },
    acquire: async (key, holder, ttlMs) => {
      const lease = `${key}:lease`;
      if (String(await command(['SET', lease, holder, 'NX', 'PX', String(ttlMs)])) === 'OK') return true;
      if ((await get(lease)) !== holder) return false;
      await command(['PEXPIRE', lease, String(ttlMs)]);
      return true;
    },
    release: async (key, holder) => {
      await command(['EVAL', RELEASE, '1', `${key}:lease`, holder]);
    },
  };
}
