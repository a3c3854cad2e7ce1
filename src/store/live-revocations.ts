import { eq, lt, or, type SQL, sql } from 'drizzle-orm';
import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import type { LiveRevocation, OwedRevocation, SigningAlg } from '../gates/protocol.ts';
import { comparableForm } from '../lib/identifier.ts';
import { sha256Bytes } from '../lib/sha256.ts';
import { FEED_DEADLINE_MS, FEED_HASH_BYTES, LIVE_REVOCATION_GRACE, PURGE_ROWS } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { liveRevocations, resourceServers } from './schema.ts';
import { among, listOf } from './sql.ts';

// The revocations that may still matter, by audience, as the revocation feed lists them. Each gate inserts those of its client.

type ClientState = Extract<LiveRevocation, { readonly kind: 'client' }>;

/**
 * Returns what the feed should say about all tokens of a client. It expires once every token that was issued until now has expired.
 * @param now milliseconds since the epoch
 */
export function clientState(state: Omit<ClientState, 'kind' | 'expires_at'>, now: number): ClientState {
  return { kind: 'client', ...state, expires_at: Math.ceil(now / 1000) + ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW };
}

/**
 * Returns a revocation as a gate keeps it in its outbox, for as long as D1 keeps it. A later one of the same token or client replaces it.
 */
export function owedRevocation(revocation: LiveRevocation): OwedRevocation {
  const key = revocation.kind === 'token' ? `token ${revocation.jti}` : 'client';
  const expires_at = revocation.expires_at + LIVE_REVOCATION_GRACE;
  return { store: 'd1', key, value: JSON.stringify(revocation), expires_at };
}

/**
 * Inserts revocations. One that D1 has already, in the same or a later state, is left out, so that a repeated or late insert is harmless.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function insertLiveRevocations(
  db: Database,
  revocations: readonly LiveRevocation[],
  now: number,
): Promise<void> {
  if (revocations.length === 0) return;
  const rows = await Promise.all(revocations.map(rowOf));
  const { version, audience, organizationId, kind, hash, client, cutOff, isDisabled, state, expiresAt } = COLUMNS;
  const owed = (column: string) => sql.raw(`owed.value ->> '${column}'`);
  const columns = [audience, organizationId, kind, hash, client, cutOff, isDisabled, state, expiresAt];
  const names = [version, ...columns].map((column) => sql.identifier(column));
  // Replaces the row of an earlier state, so that readers see the new one under a version that they do not have.
  await askStore('d1', () =>
    db.run(sql`INSERT OR REPLACE INTO ${liveRevocations} (${sql.join(names, sql`, `)})
      SELECT max(${now}, (SELECT coalesce(max(version), 0) FROM ${liveRevocations})) + 1 + key, ${sql.join(columns.map(owed), sql`, `)}
      FROM json_each(${JSON.stringify(rows)}) AS owed
      WHERE NOT EXISTS (
        SELECT 1 FROM ${liveRevocations} AS present
        WHERE present.hash = ${owed('hash')} AND present.client = ${owed('client')} AND present.kind = ${owed('kind')}
          AND present.audience = ${owed('audience')}
          AND (present.state, coalesce(present.cut_off, 0)) >= (${owed('state')}, coalesce(${owed('cut_off')}, 0))
      )`),
  );
}

const COLUMNS = {
  version: 'version',
  audience: 'audience',
  organizationId: 'organization_id',
  kind: 'kind',
  hash: 'hash',
  client: 'client',
  cutOff: 'cut_off',
  isDisabled: 'is_disabled',
  state: 'state',
  expiresAt: 'expires_at',
} as const satisfies Record<keyof typeof liveRevocations.$inferInsert, string>;

async function rowOf(revocation: LiveRevocation): Promise<Record<string, unknown>> {
  const { kind, client_id, organization_id, expires_at } = revocation;
  const common = { kind, organization_id: organization_id ?? '', expires_at };
  if (revocation.kind === 'client') {
    const { cut_off, is_disabled, version } = revocation;
    const hash = await feedHash(client_id);
    return { ...common, audience: '', hash, client: '', cut_off, is_disabled, state: version };
  }
  const { jti, audience } = revocation;
  const hash = await feedHash(jti);
  // Without an audience nobody has verified that the token is the client's. An administrator could name the `jti` of another
  // organization's token otherwise.
  const client = audience === null ? await feedHash(client_id) : '';
  return { ...common, audience: audience ?? '', hash, client, cut_off: null, is_disabled: false, state: expires_at };
}

/** Returns the hash under which the feed lists the id of a token or client: the first bytes of its SHA-256, in base64url. */
async function feedHash(id: string): Promise<string> {
  return (await sha256Bytes(id)).subarray(0, FEED_HASH_BYTES).toBase64({ alphabet: 'base64url', omitPadding: true });
}

/** A resource server, as its feed needs it. */
export interface FeedServer {
  readonly identifier: string;
  /** null if it is shared: then its feed has the clients of all organizations. */
  readonly organizationId: string | null;
  readonly signingAlg: SigningAlg;
  readonly tokensFrom: number | null;
}

/** An entry of a feed. */
export type FeedEntry = Pick<
  typeof liveRevocations.$inferSelect,
  'version' | 'kind' | 'hash' | 'client' | 'cutOff' | 'isDisabled' | 'expiresAt'
>;

/** A resource server's newest entries, all read at one moment. */
export interface NewestEntries {
  readonly server: FeedServer;
  /** In the order of their versions. */
  readonly entries: readonly FeedEntry[];
  /** The greatest version of all feeds. */
  readonly latest: number;
}

/**
 * Finds resource servers by their identifiers, or by other spellings of them.
 * @returns by the given spelling, without those that do not exist
 * @throws StoreUnavailableError
 */
export async function findFeedServers(
  db: Database,
  identifiers: readonly string[],
): Promise<ReadonlyMap<string, FeedServer>> {
  const formOf = new Map(identifiers.map((identifier) => [identifier, comparableForm(identifier)]));
  const isNamed = or(
    among(resourceServers.identifier, listOf(identifiers)),
    among(resourceServers.comparable, listOf([...formOf.values()])),
  );
  const found = await askStore(
    'd1',
    () =>
      db
        .select({ ...SERVER, comparable: resourceServers.comparable })
        .from(resourceServers)
        .where(isNamed),
    FEED_DEADLINE_MS,
  );
  const byIdentifier = new Map(found.map((server) => [server.identifier, server]));
  const byForm = new Map(found.map((server) => [server.comparable, server]));
  const servers = [...formOf].flatMap(([identifier, form]) => {
    const server = byIdentifier.get(identifier) ?? byForm.get(form);
    return server ? [[identifier, server] as const] : [];
  });
  return new Map(servers);
}

const SERVER = {
  identifier: resourceServers.identifier,
  organizationId: resourceServers.organizationId,
  signingAlg: resourceServers.signingAlg,
  tokensFrom: resourceServers.tokensFrom,
};

/**
 * Reads the newest entries of a feed: those after a version, up to a limit.
 * @returns undefined if there is no such resource server any more, or if it belongs to another organization by now
 * @throws StoreUnavailableError
 */
export async function readNewestEntries(
  db: Database,
  { identifier, organizationId }: FeedServer,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<NewestEntries | undefined> {
  const isAfter = sql`version > ${after}`;
  const [[server], entries, [newest]] = await askStore(
    'd1',
    () =>
      db.batch([
        db.select(SERVER).from(resourceServers).where(eq(resourceServers.identifier, identifier)),
        selectEntries(db, { identifier, organizationId }, { isWanted: isAfter, order: 'DESC', limit }),
        db.select({ latest: sql<number | null>`max(version)` }).from(liveRevocations),
      ]),
    FEED_DEADLINE_MS,
  );
  if (server?.organizationId !== organizationId) return undefined;
  return { server, entries: entries.toReversed(), latest: newest?.latest ?? 0 };
}

/** Reads the first entries of a feed after a version, up to another. @throws StoreUnavailableError */
export async function readOlderEntries(
  db: Database,
  server: FeedServer,
  { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
): Promise<FeedEntry[]> {
  const isWanted = sql`version > ${after} AND version <= ${upTo}`;
  const select = selectEntries(db, server, { isWanted, order: 'ASC', limit });
  const [entries] = await askStore('d1', () => db.batch([select]), FEED_DEADLINE_MS);
  return entries;
}

// Each part is one range of an index in the order of versions, so that no more rows are read than are returned.
function selectEntries(
  db: Database,
  { identifier, organizationId }: Pick<FeedServer, 'identifier' | 'organizationId'>,
  { isWanted, order, limit }: { readonly isWanted: SQL; readonly order: 'ASC' | 'DESC'; readonly limit: number },
) {
  const direction = sql.raw(order);
  const part = (isTheirs: SQL) => sql`SELECT * FROM (SELECT * FROM ${liveRevocations}
    WHERE ${isTheirs} AND ${isWanted} ORDER BY version ${direction} LIMIT ${limit})`;
  // An empty organization is not known: such a revocation is in every feed.
  const ofClients =
    organizationId === null
      ? [sql`audience = ''`]
      : [sql`audience = '' AND organization_id = ${organizationId}`, sql`audience = '' AND organization_id = ''`];
  const parts = [sql`audience = ${identifier}`, ...ofClients].map(part);
  return db
    .select(ENTRY)
    .from(sql`(${sql.join(parts, sql` UNION ALL `)})`)
    .orderBy(sql`version ${direction}`)
    .limit(limit);
}

const ENTRY = {
  version: sql<number>`version`,
  kind: sql<'token' | 'client'>`kind`,
  hash: sql<string>`hash`,
  client: sql<string>`client`,
  cutOff: sql<number | null>`cut_off`,
  isDisabled: sql<boolean>`is_disabled`.mapWith(Boolean),
  expiresAt: sql<number>`expires_at`,
};

/**
 * Builds the statement that deletes expired revocations, up to `PURGE_ROWS`. The newest row stays: a reader must not have a greater version
 * than D1. @param now milliseconds since the epoch
 */
export function purgeLiveRevocations(db: Database, now: number) {
  const { version, expiresAt } = liveRevocations;
  const expired = sql`SELECT ${version} FROM ${liveRevocations}
    WHERE ${lt(expiresAt, now / 1000 - LIVE_REVOCATION_GRACE)}
      AND ${version} < (SELECT max(version) FROM ${liveRevocations}) LIMIT ${PURGE_ROWS}`;
  return db.delete(liveRevocations).where(sql`${version} IN (${expired})`);
}
