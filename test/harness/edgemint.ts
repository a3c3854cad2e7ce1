import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Miniflare } from 'miniflare';
import { freePort, startWorker } from './worker.ts';

const CONFIG = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));
const MIGRATIONS = new URL('../../migrations/', import.meta.url);

export interface RunningEdgemint {
  /** Where it listens, and what it calls itself. */
  readonly issuer: string;
  readonly rootApiKey: string;
  /** Its database, for what would take too long through its API. */
  database(): ReturnType<Miniflare['getD1Database']>;
  stop(): Promise<void>;
}

/**
 * Starts the built Worker on loopback, its database migrated and empty.
 * @param options.issuer an `http://localhost:<port>` or `http://127.0.0.1:<port>` URL, perhaps with a path, that it then listens at;
 * one with a free port where none is given
 */
export async function startEdgemint(options: { issuer?: string } = {}): Promise<RunningEdgemint> {
  const issuer = options.issuer ?? `http://127.0.0.1:${await freePort()}`;
  const { hostname, port } = new URL(issuer);
  const rootApiKey = 'a-root-api-key-for-a-loopback-run';
  const bindings = {
    ISSUER: issuer,
    ROOT_API_KEY: rootApiKey,
    MASTER_KEY: 'dGVzdC1tYXN0ZXIta2V5LXdpdGgtMzItYnl0ZXMtLS0',
  };
  const miniflare = await startWorker(CONFIG, bindings, { host: hostname, port: Number(port) });
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
    stop: () => miniflare.dispose(),
  };
}

async function migrate(miniflare: Miniflare): Promise<void> {
  const db = await miniflare.getD1Database('DB');
  const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
  for (const name of names) {
    const sql = await readFile(new URL(name, MIGRATIONS), 'utf8');
    await db.batch(sql.split('--> statement-breakpoint').map((statement) => db.prepare(statement)));
  }
}
