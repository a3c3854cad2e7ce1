import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Miniflare } from 'miniflare';
import { builtWorker, freePort, type Network, startWorker, variablesOf } from './worker.ts';

/** This checkout. */
export const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const configOf = (checkout: string) => join(checkout, 'wrangler.toml');

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
  readonly variables?: Readonly<Record<string, string>>;
  readonly checkout?: string;
  readonly entry?: string;
  readonly inspectorPort?: number;
}

/** Builds the Worker as it would be deployed, for `startEdgemint()`. */
export const buildEdgemint = () => builtWorker(configOf(CHECKOUT));

/** Returns the variables with which a checkout would be deployed, those of its `wrangler.toml`. `startEdgemint()` sets none of them. */
export function deployedVariables(checkout = CHECKOUT): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variablesOf(configOf(checkout))).map(([name, value]) => [name, String(value)]),
  );
}

/**
 * Starts the built Worker on loopback, with a migrated database.
 * @param options.directory directory of its stores, which are kept there when it stops; without it the stores are empty and temporary
 * @param options.masterKey its `MASTER_KEY`, if the test depends on it
 * @param options.network answers every request that the Worker sends, to any host; without it the Worker uses the network of the machine
 * @param options.built the file of the Worker, if another process built it
 * @param options.issuer an `http://localhost:<port>` or `http://127.0.0.1:<port>` URL, perhaps with a path, at which it listens;
 * by default a URL with a free port. With an `https` URL it listens elsewhere, without TLS (see `address`)
 * @param options.variables further variables
 * @param options.checkout another checkout, to serve the Worker of that one
 * @param options.entry a module in front of the Worker, which it imports as `./index.js`
 * @param options.inspectorPort the port of V8's inspector
 */
export async function startEdgemint(options: StartOptions = {}): Promise<RunningEdgemint> {
  const issuer = options.issuer ?? `http://127.0.0.1:${await freePort()}`;
  const { protocol, origin } = new URL(issuer);
  const address = protocol === 'https:' ? `http://127.0.0.1:${await freePort()}` : origin;
  const { hostname, port } = new URL(address);
  const rootApiKey = ROOT_API_KEY;
  const bindings = {
    ...options.variables,
    ISSUER: issuer,
    ROOT_API_KEY: rootApiKey,
    MASTER_KEY: options.masterKey ?? 'dGVzdC1tYXN0ZXIta2V5LXdpdGgtMzItYnl0ZXMtLS0',
  };
  const built = options.built && (await readFile(options.built, 'utf8'));
  const { checkout = CHECKOUT, directory, network, entry, inspectorPort } = options;
  const place = { host: hostname, port: Number(port), directory, built, network, entry, inspectorPort };
  const miniflare = await startWorker(configOf(checkout), bindings, place);
  try {
    await migrate(miniflare, checkout);
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

async function migrate(miniflare: Miniflare, checkout: string): Promise<void> {
  const db = await miniflare.getD1Database('DB');
  const isMigrated = await db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'version_sequence'").first();
  if (isMigrated) return;
  const migrations = join(checkout, 'migrations');
  const names = (await readdir(migrations)).filter((name) => name.endsWith('.sql')).sort();
  for (const name of names) {
    const sql = await readFile(join(migrations, name), 'utf8');
    await db.batch(sql.split('--> statement-breakpoint').map((statement) => db.prepare(statement)));
  }
}
