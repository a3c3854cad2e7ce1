import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import type { Command } from 'commander';
import { ConfigurationError, readConfig } from '../../../platform/config.ts';
import {
  EXIT_FAILED,
  HEALTH_POLL_MS,
  LOG_TAIL_LINES,
  SECRET_FILE_MODE,
  START_DEADLINE_MS,
  STOP_PATIENCE_MS,
} from '../../constants.ts';
import { curlLines, findDemo, seedDemo } from '../../demo.ts';
import { Failure } from '../../failure.ts';
import { type LocalValues, localOptions } from '../../local/options.ts';
import { findRuntime } from '../../local/runtime.ts';
import { applySeed, readSeed } from '../../local/seed.ts';
import type { ServerOptions } from '../../local/server.ts';
import { requireFreePort } from '../../local-port.ts';
import { generateMasterKey, generateRootApiKey } from '../../variables.ts';
import type { RunCommand } from '../io.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

/** The folder, below the current one, that holds the data, keys and log. */
const FOLDER = '.edgemint';
/** The signals that end the service and its command. */
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const LOG = `${FOLDER}/dev.log`;
const KEYS = `${FOLDER}/keys`;

/**
 * Adds `dev`, which serves the Worker of the package on this machine, for the tests of other projects.
 * @param run runs a further command, which applies a seed
 */
export function addDev(program: Command, run: RunCommand): void {
  const command = program
    .command('dev')
    .description('serve an Edgemint on this machine, with its data in .edgemint/')
    .argument('[command...]', 'a command to run once it is ready (after --); the service ends with it')
    .option('--port <port>', 'the port, 8787 by default (or PORT)')
    .option('--host <host>', 'the address to listen on, localhost by default (or HOST)')
    .option('--seed <file>', 'apply this file instead of making a demo; it may have secrets written out')
    .option('--fresh', 'delete the data of earlier starts first');
  command.action(async (words: readonly string[]) => {
    const { terminal } = new Session(command);
    terminal.exitCode = await dev(words, command.opts<LocalValues>(), terminal, run);
  });
}

async function dev(
  words: readonly string[],
  values: LocalValues,
  terminal: Terminal,
  run: RunCommand,
): Promise<number> {
  const { port, host, seed, fresh } = localOptions(values, terminal.env);
  const packaged = packagedFolder();
  await requireFreePort(port, host);
  if (seed !== undefined) await readSeed(seed);
  const base = `http://localhost:${port}`;
  terminal.note(`Starting ${base} …`);
  if (fresh) await rm(`${FOLDER}/state`, { recursive: true, force: true });
  const bindings = { ISSUER: base, ...(await readKeys(terminal.env)), LOG_SUCCESS_SHARE: '1' };
  requireValid(bindings);
  const runtime = await findRuntime(process.env, (sentence) => terminal.note(sentence));
  const options = { packaged, runtime: runtime.folder, state: resolve(FOLDER, 'state'), host, port, bindings };
  const server = startServer(runtime.node, options);
  const ended = new Promise<never>((_, reject) => server.once('close', () => reject(serverEnded())));
  ended.catch(() => undefined);
  let command: ChildProcess | undefined;
  const stopped = new Promise<number>((resolve) => {
    for (const signal of STOPPING) {
      terminal.io.signals.once(signal, () => {
        command?.kill(signal);
        // As a shell reports it: a command that was stopped has not succeeded.
        resolve(words.length === 0 ? 0 : 128 + constants.signals[signal]);
      });
    }
  });
  try {
    return await Promise.race([ended, stopped, work()]);
  } finally {
    await stop(server);
  }

  async function work(): Promise<number> {
    await untilHealthy(base, server);
    const clientIds = seed === undefined ? undefined : await applySeed(base, bindings.ROOT_API_KEY, seed, run);
    await present(base, bindings.ROOT_API_KEY, clientIds, terminal);
    if (words.length === 0) return await stopped;
    command = startCommand(words, { EDGEMINT_URL: base, EDGEMINT_API_KEY: bindings.ROOT_API_KEY });
    return await exitCodeOf(command, words);
  }
}

/** Returns the folder with the built Worker. @throws Failure in a checkout */
function packagedFolder(): string {
  const folder = join(dirname(realpathSync(process.argv[1] ?? '.')), 'dev');
  if (existsSync(join(folder, 'worker.js'))) return folder;
  throw new Failure('This edgemint has no built Worker. In a checkout, run npm start, or npm run build:package first.');
}

/** Returns the keys of an earlier start, or new ones. `EDGEMINT_DEV_ROOT_API_KEY` replaces the root key. */
async function readKeys(env: Readonly<Record<string, string | undefined>>) {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(`${FOLDER}/.gitignore`, '*\n');
  const kept = parseEnv(await readFile(KEYS, 'utf8').catch(() => ''));
  const MASTER_KEY = kept.MASTER_KEY ?? generateMasterKey();
  // Not EDGEMINT_API_KEY, which holds the key of a deployment.
  const ROOT_API_KEY = env.EDGEMINT_DEV_ROOT_API_KEY || (kept.ROOT_API_KEY ?? generateRootApiKey());
  await writeFile(KEYS, `MASTER_KEY=${MASTER_KEY}\nROOT_API_KEY=${ROOT_API_KEY}\n`, { mode: SECRET_FILE_MODE });
  return { MASTER_KEY, ROOT_API_KEY };
}

function requireValid(bindings: Readonly<Record<string, string>>): void {
  try {
    readConfig(bindings);
  } catch (error) {
    throw error instanceof ConfigurationError ? new Failure(error.message) : error;
  }
}

function startServer(node: string, options: ServerOptions): ChildProcess {
  const log = openSync(LOG, 'w');
  return spawn(node, [join(options.packaged, 'server.mjs')], {
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
    env: { ...process.env, EDGEMINT_SERVER: JSON.stringify(options) },
  });
}

function serverEnded(): Failure {
  const tail = readFileSync(LOG, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  return new Failure(`The service ended unexpectedly.\n${tail}`);
}

async function untilHealthy(base: string, server: ChildProcess): Promise<void> {
  // The runtime answers before the tables are there.
  await new Promise((resolve) => server.once('message', resolve));
  for (const deadline = Date.now() + START_DEADLINE_MS; Date.now() < deadline; await sleep(HEALTH_POLL_MS)) {
    const answer = await fetch(`${base}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
  }
  throw new Failure(`The service did not answer within ${START_DEADLINE_MS / 1000} seconds. See ${LOG}.`);
}

/** @param clientIds those of the seed; without one a demo is made */
async function present(
  base: string,
  rootApiKey: string,
  clientIds: readonly string[] | undefined,
  terminal: Terminal,
): Promise<void> {
  if (clientIds !== undefined) {
    if (clientIds.length > 0) terminal.note(`${clientIds.join(', ')} can get tokens.`);
  } else {
    const folder = `${FOLDER}/state/demo`;
    const demo = (await findDemo(base, rootApiKey, folder)) ?? (await seedDemo(base, rootApiKey, folder));
    if (demo) terminal.note(`\nGet a token:\n\n${curlLines(base, demo).token}\n`);
  }
  terminal.note(`Edgemint serves ${base} until you press ctrl-C.`);
  terminal.note(`Console: ${base}/console\nAPI documentation: ${base}/docs`);
  terminal.note(`The root API key is in ${KEYS}. The service logs to ${LOG}.`);
}

/** Starts a command on this terminal. */
function startCommand([file = '', ...args]: readonly string[], env: Record<string, string>): ChildProcess {
  return spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...env } });
}

function exitCodeOf(command: ChildProcess, [file]: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    command.once('error', () => reject(new Failure(`${file} could not be started.`)));
    command.once('close', (code, signal) => resolve(code ?? (signal ? 128 + constants.signals[signal] : EXIT_FAILED)));
  });
}

// In a process group of its own, so that the runtime's process ends with it.
async function stop(server: ChildProcess): Promise<void> {
  const { pid } = server;
  if (pid === undefined || server.exitCode !== null) return;
  const closed = new Promise((resolve) => server.once('close', resolve));
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-pid, name);
    } catch {
      // It has ended since.
    }
  };
  signal('SIGTERM');
  await Promise.race([closed, sleep(STOP_PATIENCE_MS, undefined, { ref: false })]);
  signal('SIGKILL');
}
