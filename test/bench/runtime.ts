import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

// The processes of workerd: their log, their CPU time and their memory.

const QUIET = fileURLToPath(new URL('quiet-workerd.sh', import.meta.url));

/** Makes Miniflare start workerd with its standard output sent to /dev/null. */
export function silenceRuntime(): void {
  const { default: path } = createRequire(import.meta.url)('workerd') as { readonly default: string };
  process.env.BENCH_WORKERD = path;
  process.env.MINIFLARE_WORKERD_PATH = QUIET;
}

/** Starts something that starts one workerd, and returns the id of that process as well. Only one call may run at a time. */
export async function withPid<T>(start: () => Promise<T>): Promise<{ readonly started: T; readonly pid: number }> {
  const before = new Set(childPids());
  const started = await start();
  const pid = childPids().find((child) => !before.has(child) && commandOf(child) === 'workerd');
  if (pid === undefined) throw new Error('No workerd was started.');
  return { started, pid };
}

/** Returns the CPU time that the threads of a process have used, in milliseconds. */
export function cpuMs(pid: number): number {
  // `schedstat` counts nanoseconds; `/proc/<pid>/stat` counts clock ticks of 10 ms, too coarse for a measurement of half a second.
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map(
    (thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0],
  );
  return nanoseconds.reduce((sum, used) => sum + Number(used), 0) / 1e6;
}

/** Returns the resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

function childPids(): number[] {
  const children = (thread: string) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8');
  return readdirSync('/proc/self/task').flatMap((thread) => children(thread).split(' ').filter(Boolean).map(Number));
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}
