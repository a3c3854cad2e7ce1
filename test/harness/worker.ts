import { execFile } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler';
import { BUILDS_VARIABLE } from './builds.ts';

const WRANGLER = fileURLToPath(new URL('../../node_modules/wrangler/bin/wrangler.js', import.meta.url));

type Assets = NonNullable<ReturnType<typeof unstable_readConfig>['assets']>;

const builds = new Map<string, Promise<string>>();

/** The Worker of a wrangler configuration as it would be deployed: one module, built once in a process, and once in a run of the tests. */
export function builtWorker(configPath: string): Promise<string> {
  const built = builds.get(configPath) ?? sharedBuild(configPath);
  builds.set(configPath, built);
  return built;
}

async function sharedBuild(configPath: string): Promise<string> {
  const directory = process.env[BUILDS_VARIABLE];
  if (directory === undefined) return build(configPath);
  const file = join(directory, createHash('sha256').update(configPath).digest('hex'));
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found !== undefined) return found;
  const built = await build(configPath);
  // Another process may read it at any moment: it is there as a whole, or not at all.
  const partial = `${file}.${process.pid}`;
  await writeFile(partial, built);
  await rename(partial, file);
  return built;
}

async function build(configPath: string): Promise<string> {
  const outdir = await mkdtemp(join(tmpdir(), 'edgemint-'));
  try {
    const args = [WRANGLER, 'deploy', '--dry-run', '--config', configPath, '--outdir', outdir];
    await promisify(execFile)(process.execPath, args, { env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } });
    return await readFile(join(outdir, 'index.js'), 'utf8');
  } finally {
    await rm(outdir, { recursive: true });
  }
}

/** The other side of what a Worker fetches: it plays any host. */
export type Network = (request: IncomingMessage, response: ServerResponse) => void;

export interface Place {
  readonly host: string;
  readonly port: number;
  /** The directory of its stores, which outlive it there; without one they are empty at first, and gone with it. */
  readonly directory?: string | undefined;
  /** The module to serve, where it was built before. */
  readonly built?: string | undefined;
  readonly network?: Network | undefined;
}

/**
 * Serves a built Worker in a runtime process of its own. The socket is the runtime's: nothing stands between it and the Worker, unlike with
 * `wrangler dev`. So its assets are a Worker apart: to one that has them itself, Miniflare hands requests by way of two of its own.
 * @param bindings its variables and secrets; all else that it binds is as its configuration has it
 */
export async function startWorker(
  configPath: string,
  bindings: Record<string, string>,
  { host, port, directory, built, network }: Place,
): Promise<Miniflare> {
  const config = unstable_readConfig({ config: configPath }, { hideWarnings: true });
  // The secrets are given here, so wrangler need not look for them.
  const { workerOptions } = unstable_getMiniflareWorkerOptions({ ...config, secrets: undefined });
  const { assets: _, ...options } = workerOptions;
  const worker = {
    ...options,
    name: 'worker',
    bindings,
    modules: [{ type: 'ESModule' as const, path: 'index.js', contents: built ?? (await builtWorker(configPath)) }],
    unsafeDirectSockets: [{ host, port }],
    ...(network && { outboundService: { node: network } }),
  };
  const workers = config.assets ? withAssets(worker, config.assets, configPath) : [worker];
  const kept = directory === undefined ? {} : { resourcePersistencePath: directory };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({ workers, cf: false, telemetry: { enabled: false }, handleStructuredLogs, ...kept }),
  );
  await miniflare.ready;
  return miniflare;
}

// All but the Worker's own log, which has a line for each request.
function handleStructuredLogs({ level, message }: { level: string; message: string }): void {
  if (!message.startsWith('{"event":')) console.error(`${level}: ${message}`);
}

function withAssets<Worker extends object>(worker: Worker, assets: Assets, configPath: string) {
  const { binding = '', directory = '', html_handling } = assets;
  const its = { directory: join(dirname(configPath), directory), assetConfig: { html_handling } };
  return [
    { ...worker, serviceBindings: { [binding]: 'assets' } },
    { name: 'assets', modules: true as const, script: '', assets: its },
  ];
}

/** Below the ports that Linux gives to outgoing connections (32768 and up), one of which could take a port before a server listens on it. */
const [LOWEST_PORT, HIGHEST_PORT] = [10_000, 30_000];

/** Returns a port of this machine that nothing listens on: a random one, because others look for theirs at the same time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}
