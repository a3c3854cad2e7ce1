import { base64url } from 'jose';
import { isObject } from '../../lib/http.ts';
import { type Hash, hashOf } from './hash-table.ts';

/** A revoked token. */
export interface TokenEntry {
  /** The hash of its `jti`. */
  readonly hash: Hash;
  readonly expiresAt: number;
  /** The hash of its client_id; if undefined, any client may have it. */
  readonly client: Hash | undefined;
}

/** What is revoked of a client. A later entry replaces an earlier one. */
export interface ClientEntry {
  /** The hash of its client_id. */
  readonly hash: Hash;
  /** Tokens that were issued up to then are revoked. */
  readonly cutOff: number | null;
  /** Whether all of its tokens are revoked. */
  readonly isDisabled: boolean;
  readonly expiresAt: number;
}

/** A page of the feed. Times are in seconds since the epoch. */
export interface FeedPage {
  /** The feed is complete up to then. */
  readonly asOf: number;
  /** The version that it continues from. */
  readonly since: number;
  /** The version up to which it lists everything. */
  readonly version: number;
  /** Whether another page follows. */
  readonly hasMore: boolean;
  readonly tokens: readonly TokenEntry[];
  readonly clients: readonly ClientEntry[];
  /** Tokens that were issued before are those of a deleted API with the same identifier. */
  readonly tokensFrom: number;
}

/** What a page must be for. */
export interface ExpectedPage {
  readonly issuer: string;
  /** The URL of the feed, without its query. */
  readonly url: string;
  readonly audience: string;
  /** The version that was asked for. */
  readonly since: number;
  /** The latest `as_of` that a page can have. */
  readonly latest: number;
}

const HASH = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/** Returns the page of claims whose signature is right, or undefined if they are no page, or one for something else. */
export function readPage(claims: unknown, expected: ExpectedPage): FeedPage | undefined {
  if (!isObject(claims) || claims.iss !== expected.issuer || claims.aud !== expected.url) return undefined;
  const { audience, as_of: asOf, since, version, more: hasMore, tokens_from: tokensFrom = 0 } = claims;
  if (audience !== expected.audience || !isWhole(asOf) || asOf > expected.latest || !isWhole(tokensFrom))
    return undefined;
  // A server whose database was restored begins anew.
  if (!isWhole(since) || (since !== expected.since && since !== 0) || !isWhole(version) || version < since)
    return undefined;
  // It would have no end.
  if (typeof hasMore !== 'boolean' || (hasMore && version === since)) return undefined;
  const tokens = readList(claims.tokens, readToken);
  const clients = readList(claims.clients, readClient);
  return tokens && clients && { asOf, since, version, hasMore, tokens, clients, tokensFrom };
}

function readList<T>(list: unknown, read: (entry: unknown[]) => T | undefined): T[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const entries = list.map((entry) => (Array.isArray(entry) ? read(entry) : undefined));
  return entries.includes(undefined) ? undefined : (entries as T[]);
}

function readToken([id, expiresAt, clientId]: unknown[]): TokenEntry | undefined {
  const [hash, client] = [readHash(id), readHash(clientId)];
  if (!hash || !isWhole(expiresAt) || (clientId !== undefined && !client)) return undefined;
  return { hash, expiresAt, client };
}

function readClient([id, cutOff, isDisabled, expiresAt]: unknown[]): ClientEntry | undefined {
  const hash = readHash(id);
  if (!hash || !(cutOff === null || isWhole(cutOff)) || !isWhole(expiresAt)) return undefined;
  return isDisabled === 0 || isDisabled === 1 ? { hash, cutOff, isDisabled: isDisabled === 1, expiresAt } : undefined;
}

function readHash(text: unknown): Hash | undefined {
  return typeof text === 'string' && HASH.test(text) ? hashOf(base64url.decode(text)) : undefined;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
