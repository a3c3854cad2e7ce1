import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';

/** Time for a child to end by itself before it is killed. */
const PATIENCE_MS = 5000;

const QUIET = { WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true', CLOUDFLARE_CF_FETCH_ENABLED: 'false' };

const running = new Set<ChildProcess>();
let isStopping = false;

type Environment = Readonly<Record<string, string>>;

export interface Ending {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts wrangler: never asking anything, and in a process group of its own, so that a ctrl-C at the terminal reaches this process
 * alone and this one decides how its children end.
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
    env: { ...process.env, ...QUIET, ...env },
  };
  const child = spawn('wrangler', args, options);
  running.add(child);
  child.once('error', () => running.delete(child));
  child.once('exit', () => {
    running.delete(child);
    // However wrangler ended: nothing that it started may outlive it.
    signalGroup(child, 'SIGKILL');
  });
  return child;
}

/**
 * Runs wrangler to its end, whatever that is.
 * @throws Failure where there is no wrangler
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

/**
 * Runs wrangler and hands back what it wrote to its standard output; the person sees nothing of it unless it fails.
 * @param purpose what it is for, as in "wrangler could not ‹purpose›"
 * @throws Failure with all that it wrote
 */
export async function wrangler(purpose: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tryWrangler(args);
  if (code !== 0) throw new Failure(`wrangler could not ${purpose}:\n${`${stdout}${stderr}`.trim()}`);
  return stdout;
}

/**
 * Runs wrangler in the person's sight.
 * @param purpose as for `wrangler()`
 * @throws Failure
 */
export async function showWrangler(purpose: string, args: readonly string[], env?: Environment): Promise<void> {
  if ((await ended(spawnWrangler(args, 'inherit', env))) !== 0) {
    throw new Failure(`wrangler could not ${purpose}; it says above why.`);
  }
}

/** The exit code, once the child and its output have ended. @throws Failure where it could not be started */
export function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', () => reject(new Failure('wrangler was not found: run this by its npm script, after npm ci.')));
  });
}

/** Ends every wrangler that still runs, with all that it started; none starts after. */
export async function stopChildren(): Promise<void> {
  isStopping = true;
  await Promise.all([...running].map(stop));
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  signalGroup(child, 'SIGTERM');
  await Promise.race([gone, sleep(PATIENCE_MS, undefined, { ref: false })]);
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
