import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Miniflare } from 'miniflare';
import { builtWorker, freePort, type Network, startWorker } from './worker.ts';

const CONFIG = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));
const MIGRATIONS = new URL('../../migrations/', import.meta.url);

/** The root API key of every Edgemint that these helpers start. */
export const ROOT_API_KEY = 'a-root-api-key-for-a-loopback-run';

export interface RunningEdgemint {
  /** Its issuer, at which it listens if that is an `http` URL. */
  readonly issuer: string;
  /** The origin at which it listens. */
  readonly address: string;
  readonly rootApiKey: string;
  /** Returns its database, for setup that would take too long through the API. */
  database(): ReturnType<Miniflare['getD1Database']>;
  /** Runs the scheduled handler, which normally runs every minute. */
  runScheduled(): Promise<void>;
  /** Sends a request without its socket. Such a request can have `cf`, the data that Cloudflare adds about the connection. */
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

/** Builds the Worker as it would be deployed, for `startEdgemint()`. */
export const buildEdgemint = () => builtWorker(CONFIG);

/**
 * Starts the built Worker on loopback, with a migrated database.
 * @param options.directory directory of its stores, which are kept there when it stops; without it the stores are empty and temporary
 * @param options.masterKey its `MASTER_KEY`, if the test depends on it
 * @param options.network answers every request that the Worker sends, to any host; without it the Worker uses the network of the machine
 * @param options.built the file of the Worker, if another process built it
 * @param options.issuer an `http://localhost:<port>` or `http://127.0.0.1:<port>` URL, perhaps with a path, at which it listens;
 * by default a URL with a free port. With an `https` URL it listens elsewhere, without TLS (see `address`)
 */
export async function startEdgemint(options: StartOptions = {}): Promise<RunningEdgemint> {
  const issuer = options.issuer ?? `http://127.0.0.1:${await freePort()}`;
  const { protocol, origin } = new URL(issuer);
  const address = protocol === 'https:' ? `http://127.0.0.1:${await freePort()}` : origin;
  const { hostname, port } = new URL(address);
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
    address,
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
