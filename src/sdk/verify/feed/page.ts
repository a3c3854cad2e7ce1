import { isObject } from '../../lib/http.ts';

/** A page of the feed, with the members that a verifier reads. Times are in seconds since the epoch. */
export interface FeedPage {
  /** It lists everything that was revoked up to then. */
  readonly as_of: number;
  /** The version that it continues from. */
  readonly since: number;
  /** The version up to which it lists everything. */
  readonly version: number;
  /** Whether another page follows. */
  readonly more: boolean;
  readonly tokens: readonly (readonly [hash: string, expiresAt: number])[];
  readonly clients: readonly (readonly [hash: string, cutOff: number | null, isDisabled: 0 | 1, expiresAt: number])[];
  readonly tokens_from?: number;
}

/** What a page must be for. */
export interface ExpectedPage {
  readonly issuer: string;
  /** The URL of the feed, without its query. */
  readonly url: string;
  readonly audience: string;
  /** The version that was asked for. */
  readonly since: number;
}

/** Returns the page of claims whose signature is right, or undefined if they are no page, or one for something else. */
export function readPage(claims: unknown, { issuer, url, audience, since }: ExpectedPage): FeedPage | undefined {
  if (!isObject(claims) || claims.iss !== issuer || claims.aud !== url || claims.audience !== audience)
    return undefined;
  const { as_of, since: from, version, more, tokens, clients, tokens_from } = claims;
  // A server whose database was restored begins anew.
  const isAsked = from === since || from === 0;
  const areNumbers = isTime(as_of) && isCount(from) && isCount(version) && version >= from;
  if (!isAsked || !areNumbers || typeof more !== 'boolean' || (more && version === from)) return undefined;
  if (!Array.isArray(tokens) || !tokens.every(isToken) || !Array.isArray(clients) || !clients.every(isClient))
    return undefined;
  if (tokens_from !== undefined && !isTime(tokens_from)) return undefined;
  return { as_of, since: from, version, more, tokens, clients, ...(tokens_from !== undefined && { tokens_from }) };
}

function isToken(entry: unknown): boolean {
  return Array.isArray(entry) && typeof entry[0] === 'string' && isTime(entry[1]);
}

function isClient(entry: unknown): boolean {
  if (!Array.isArray(entry)) return false;
  const [hash, cutOff, isDisabled, expiresAt] = entry;
  return (
    typeof hash === 'string' &&
    (cutOff === null || isTime(cutOff)) &&
    (isDisabled === 0 || isDisabled === 1) &&
    isTime(expiresAt)
  );
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
