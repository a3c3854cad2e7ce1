import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { cp, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of the working tree, with its dependencies installed. */
export interface Clone {
  readonly directory: string;
  remove(): Promise<void>;
}

export async function cloneProject(): Promise<Clone> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'edgemint-clone-')));
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT });
  const files = stdout.split('\0').filter((file) => file !== '' && existsSync(join(ROOT, file)));
  await Promise.all(files.map((file) => cp(join(ROOT, file), join(directory, file))));
  // A workspace has packages of its own if the root has other versions of them.
  for (const installed of ['node_modules', 'src/console/node_modules']) {
    if (existsSync(join(ROOT, installed))) await symlink(join(ROOT, installed), join(directory, installed));
  }
  return { directory, remove: () => rm(directory, { recursive: true }) };
}

/** A running command and its output so far. */
export interface Running {
  readonly process: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** The exit code when the command has ended, null if a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Runs a command in its own process group, as a terminal does. */
export function run(directory: string, command: readonly string[], env: Record<string, string> = {}): Running {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  return { process: child, output, ended: new Promise((resolve) => child.once('close', resolve)) };
}

/** Waits until the command has written a text to stdout. */
export function written({ process, output, ended }: Running, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => output.stdout.includes(text) && resolve();
    process.stdout?.on('data', look);
    look();
    ended.then(() => reject(new Error(`It ended before it wrote "${text}":\n${output.stdout}${output.stderr}`)));
  });
}

/** Returns the ids of the processes whose working directory is in a directory. */
export function processesIn(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => workingDirectory(pid)?.startsWith(directory))
    .map(Number);
}

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // It has ended since.
  }
}
