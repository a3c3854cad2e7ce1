import { base64url } from 'jose';
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
  /** Tokens that were issued up to then are revoked; 0 if there is no such time. */
  readonly cutOff: number;
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

/**
 * Returns the page of claims whose signature is right.
 * @throws TypeError if they are no page, or one for something else
 */
export function readPage(claims: Readonly<Record<string, unknown>>, expected: ExpectedPage): FeedPage {
  const asOf = readWhole(claims.as_of);
  const since = readWhole(claims.since);
  const version = readWhole(claims.version);
  const hasMore = claims.more === true;
  const isForUs =
    claims.iss === expected.issuer && claims.aud === expected.url && claims.audience === expected.audience;
  // A server whose database was restored begins anew.
  const continues = (since === expected.since || since === 0) && version >= since;
  // It would have no end.
  const isEndless = hasMore && version === since;
  demand(isForUs && continues && !isEndless && asOf <= expected.latest);
  const tokens = readList(claims.tokens).map(([hash, expiresAt, client]) => ({
    hash: readHash(hash),
    expiresAt: readWhole(expiresAt),
    client: client === undefined ? undefined : readHash(client),
  }));
  const clients = readList(claims.clients).map(([hash, cutOff, isDisabled, expiresAt]) => ({
    hash: readHash(hash),
    cutOff: cutOff === null ? 0 : readWhole(cutOff),
    isDisabled: readWhole(isDisabled) > 0,
    expiresAt: readWhole(expiresAt),
  }));
  return { asOf, since, version, hasMore, tokens, clients, tokensFrom: readWhole(claims.tokens_from ?? 0) };
}

function readList(value: unknown): unknown[][] {
  demand(Array.isArray(value) && value.every(Array.isArray));
  return value as unknown[][];
}

function readHash(value: unknown): Hash {
  demand(typeof value === 'string' && value.length === 22);
  return hashOf(base64url.decode(value as string));
}

function readWhole(value: unknown): number {
  demand(Number.isSafeInteger(value) && (value as number) >= 0);
  return value as number;
}

function demand(condition: boolean): void {
  if (!condition) throw new TypeError('malformed');
}
