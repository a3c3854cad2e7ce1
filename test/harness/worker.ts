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

/** Returns the Worker of a wrangler configuration as it would be deployed: one module, built once per process and once per test run. */
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
  // Another process may read the file at any moment, so it must appear complete: write a partial file, then rename it.
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

/** Returns the variables in a wrangler configuration. */
export function variablesOf(configPath: string): Record<string, unknown> {
  return unstable_readConfig({ config: configPath }, { hideWarnings: true }).vars;
}

/** Answers the requests that a Worker sends, in the role of any host. */
export type Network = (request: IncomingMessage, response: ServerResponse) => void;

export interface Place {
  readonly host: string;
  readonly port: number;
  /** The directory of its stores, which are kept there when it stops. Without it the stores are empty at first, and temporary. */
  readonly directory?: string | undefined;
  /** The module to serve, if it has been built already. */
  readonly built?: string | undefined;
  readonly network?: Network | undefined;
  /** A module to serve in front of the Worker, which it imports as `./index.js`. */
  readonly entry?: string | undefined;
  /** The port of V8's inspector. */
  readonly inspectorPort?: number | undefined;
}

/**
 * Serves a built Worker in its own runtime process. The runtime itself listens on the socket, so unlike with `wrangler dev` nothing stands
 * between the socket and the Worker. For that reason a separate Worker serves the assets: Miniflare would send requests for a Worker with
 * assets through two Workers of its own.
 * @param bindings its variables and secrets; all other bindings come from its configuration
 */
export async function startWorker(
  configPath: string,
  bindings: Record<string, string>,
  { host, port, directory, built, network, entry, inspectorPort }: Place,
): Promise<Miniflare> {
  const config = unstable_readConfig({ config: configPath }, { hideWarnings: true });
  // The bindings already have the secrets, so wrangler need not look for them.
  const { workerOptions } = unstable_getMiniflareWorkerOptions({ ...config, secrets: undefined });
  const { assets: _, ...options } = workerOptions;
  const worker = {
    ...options,
    name: 'worker',
    bindings,
    modules: [
      ...(entry === undefined ? [] : [esModule('entry.js', entry)]),
      esModule('index.js', built ?? (await builtWorker(configPath))),
    ],
    unsafeDirectSockets: [{ host, port }],
    ...(network && { outboundService: { node: network } }),
  };
  const workers = config.assets ? withAssets(worker, config.assets, configPath) : [worker];
  const kept = directory === undefined ? {} : { resourcePersistencePath: directory };
  const inspector = inspectorPort === undefined ? {} : { inspectorPort };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers,
      cf: false,
      telemetry: { enabled: false },
      handleStructuredLogs,
      ...kept,
      ...inspector,
    }),
  );
  await miniflare.ready;
  return miniflare;
}

function esModule(path: string, contents: string) {
  return { type: 'ESModule' as const, path, contents };
}

// Prints everything except the Worker's own log, which has a line for each request.
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

/** A range below the ports of outgoing connections on Linux (32768 and up). Such a connection could take the port first. */
const [LOWEST_PORT, HIGHEST_PORT] = [10_000, 30_000];

/** Returns a free port of this machine. It is random, because other processes look for free ports at the same time. */
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
