import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Miniflare } from 'miniflare';
import { builtWorker, freePort, type Network, startWorker } from './worker.ts';

const CONFIG = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));
const MIGRATIONS = new URL('../../migrations/', import.meta.url);

/** Of every Edgemint that is started here. */
export const ROOT_API_KEY = 'a-root-api-key-for-a-loopback-run';

export interface RunningEdgemint {
  /** Where it listens, and what it calls itself. */
  readonly issuer: string;
  readonly rootApiKey: string;
  /** Its database, for what would take too long through its API. */
  database(): ReturnType<Miniflare['getD1Database']>;
  /** Lets it do what it does every minute. */
  runScheduled(): Promise<void>;
  /** A request past its socket, that can tell what Cloudflare tells of a connection: `cf`. */
  readonly dispatch: Miniflare['dispatchFetch'];
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly issuer?: string;
  readonly directory?: string;
  readonly built?: string;
  readonly masterKey?: string;
  readonly network?: Network;
}

/** The Worker as it would be deployed, for `startEdgemint()`. */
export const buildEdgemint = () => builtWorker(CONFIG);

/**
 * Starts the built Worker on loopback, its database migrated.
 * @param options.directory of its stores, which outlive it there; without one they are empty, and gone with it
 * @param options.masterKey its `MASTER_KEY`, where it matters
 * @param options.network answers what it fetches, whatever the host; without one that is the machine's own
 * @param options.built the file of the Worker, where another process built it
 * @param options.issuer an `http://localhost:<port>` or `http://127.0.0.1:<port>` URL, perhaps with a path, that it then listens at;
 * one with a free port where none is given
 */
export async function startEdgemint(options: StartOptions = {}): Promise<RunningEdgemint> {
  const issuer = options.issuer ?? `http://127.0.0.1:${await freePort()}`;
  const { hostname, port } = new URL(issuer);
  const rootApiKey = ROOT_API_KEY;
  const bindings = {
    ISSUER: issuer,
    ROOT_API_KEY: rootApiKey,
    MASTER_KEY: options.masterKey ?? 'dGVzdC1tYXN0ZXIta2V5LXdpdGgtMzItYnl0ZXMtLS0',
  };
  const built = options.built && (await readFile(options.built, 'utf8'));
  const place = { host: hostname, port: Number(port), directory: options.directory, built, network: options.network };
  const miniflare = await startWorker(CONFIG, bindings, place);
  try {
    await migrate(miniflare);
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
  return {
    issuer,
    rootApiKey,
    database: () => miniflare.getD1Database('DB'),
    runScheduled: async () => {
      const { outcome } = await (await miniflare.getWorker('worker')).scheduled({ scheduledTime: new Date() });
      if (outcome !== 'ok') throw new Error(`The scheduled handler ended with ${outcome}.`);
    },
    dispatch: miniflare.dispatchFetch,
    stop: () => miniflare.dispose(),
  };
}

async function migrate(miniflare: Miniflare): Promise<void> {
  const db = await miniflare.getD1Database('DB');
  const isMigrated = await db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'version_sequence'").first();
  if (isMigrated) return;
  const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
  for (const name of names) {
    const sql = await readFile(new URL(name, MIGRATIONS), 'utf8');
    await db.batch(sql.split('--> statement-breakpoint').map((statement) => db.prepare(statement)));
  }
}
