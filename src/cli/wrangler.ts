import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { STOP_PATIENCE_MS } from './constants.ts';
import { Failure } from './failure.ts';

const SETTINGS = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  // `wrangler dev` would serve pages on which any local process can read and change the databases.
  X_LOCAL_EXPLORER: 'false',
  X_LOCAL_OBSERVABILITY: 'false',
};

const running = new Set<ChildProcess>();
let isStopping = false;

type Environment = Readonly<Record<string, string>>;

export interface Ending {
  /** null if a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts wrangler without a terminal, so that it asks nothing, and in a process group of its own: ctrl-C reaches this process only, which
 * then ends its children in order.
 */
export function spawnWrangler(
  args: readonly string[],
  stdout: 'inherit' | 'pipe' | number,
  env: Environment = {},
): ChildProcess {
  if (isStopping) throw new Failure('wrangler was not started: this process is ending.');
  const options: SpawnOptions = {
    stdio: ['ignore', stdout, stdout],
    detached: true,
    env: { ...environment(), ...SETTINGS, ...env },
  };
  const child = spawn('wrangler', args, options);
  running.add(child);
  child.once('error', () => running.delete(child));
  child.once('exit', () => {
    running.delete(child);
    // The processes that wrangler started must not outlive it, even if it crashed.
    signalGroup(child, 'SIGKILL');
  });
  return child;
}

// wrangler would look for a section of this name in its configuration, and without one deploy a Worker that has no bindings.
function environment(): NodeJS.ProcessEnv {
  const { CLOUDFLARE_ENV: _, ...others } = process.env;
  return others;
}

/**
 * Runs wrangler and returns its exit code and output, also if it fails.
 * @throws Failure if wrangler is not installed
 */
export function tryWrangler(args: readonly string[]): Promise<Ending> {
  const child = spawnWrangler(args, 'pipe');
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  return ended(child).then((code) => ({ code, ...output }));
}

const LOGGED_OUT = /necessary to set a CLOUDFLARE_API_TOKEN|You are not (logged in|authenticated)/;

/** Returns the error of a wrangler that failed. Without a login, its own text advises a temporary account. */
export function wranglerFailure(text: string, output: string): Failure {
  return LOGGED_OUT.test(output)
    ? new Failure(
        'Run `npx wrangler login` first, or set CLOUDFLARE_API_TOKEN: wrangler is not logged in to Cloudflare.',
      )
    : new Failure(`${text}\n${output.trim()}`);
}

/**
 * Runs wrangler out of the user's sight and returns its stdout.
 * @param purpose a verb with its object, for the error "wrangler could not ‹purpose›"
 * @throws Failure with all output if wrangler fails
 */
export async function wrangler(purpose: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tryWrangler(args);
  if (code !== 0) throw wranglerFailure(`wrangler could not ${purpose}:`, `${stdout}${stderr}`);
  return stdout;
}

/** Like `wrangler()`, and parses the JSON that wrangler writes. @throws Failure also if it is none */
export async function wranglerJson<T>(purpose: string, args: readonly string[]): Promise<T> {
  return parseOutput<T>(purpose, await wrangler(purpose, args));
}

/** Parses the JSON that wrangler wrote. @throws Failure if it is none */
export function parseOutput<T>(purpose: string, stdout: string): T {
  try {
    return JSON.parse(stdout) as T;
  } catch {
    throw new Failure(`wrangler was asked to ${purpose}, and did not answer with JSON:\n${stdout.trim()}`);
  }
}

/**
 * Runs wrangler with its output on this terminal.
 * @param purpose as for `wrangler()`
 * @throws Failure if wrangler fails
 */
export async function showWrangler(purpose: string, args: readonly string[], env?: Environment): Promise<void> {
  if ((await ended(spawnWrangler(args, 'inherit', env))) !== 0) {
    throw new Failure(`wrangler could not ${purpose}. Its output above says why.`);
  }
}

/** Returns the exit code when the child and its output have ended. @throws Failure if it could not be started */
export function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', () =>
      reject(new Failure('wrangler was not found. Run npm ci, and start this by its npm script.')),
    );
  });
}

/** Ends every running wrangler and the processes that it started. No wrangler can be started afterwards. */
export async function stopChildren(): Promise<void> {
  isStopping = true;
  await Promise.all([...running].map(stop));
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  signalGroup(child, 'SIGTERM');
  await Promise.race([exited, sleep(STOP_PATIENCE_MS, undefined, { ref: false })]);
  signalGroup(child, 'SIGKILL');
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
