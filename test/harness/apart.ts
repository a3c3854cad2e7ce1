import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildEdgemint } from './edgemint.ts';
import type { Order, Report, ServeOptions } from './serve.ts';
import { freePort } from './worker.ts';

const SERVE = fileURLToPath(new URL('./serve.ts', import.meta.url));
const DEATH_MS = 60_000;
const SHARED_MEMORY = '/dev/shm';
const ROOM_BYTES = 2 ** 31;

/** An Edgemint in its own processes. It can be killed and started again, always with the same port and the same stores. */
export class EdgemintApart {
  readonly issuer: string;
  readonly #home: string;
  #child: ChildProcess | undefined;

  readonly #receiver: string | undefined;

  private constructor(home: string, port: number, receiver: string | undefined) {
    this.#home = home;
    this.#receiver = receiver;
    this.issuer = `http://127.0.0.1:${port}`;
  }

  /**
   * Builds the Worker and creates a directory for its stores. Starts nothing.
   * @param receiver the origin that gets every request that the Worker sends; by default the Worker uses the network of the machine
   */
  static async prepare(receiver?: string): Promise<EdgemintApart> {
    const home = await mkdtemp(join(await quickPlace(), 'edgemint-apart-'));
    await writeFile(join(home, 'index.js'), await buildEdgemint());
    return new EdgemintApart(home, await freePort(), receiver);
  }

  /** Starts it in its own process group. */
  async start(): Promise<void> {
    const options: ServeOptions = {
      issuer: this.issuer,
      directory: join(this.#home, 'stores'),
      built: join(this.#home, 'index.js'),
      receiver: this.#receiver,
    };
    // A killed process does not clean up, so its temporary files must lie in this directory, which `remove()` deletes.
    const env = { ...process.env, TMPDIR: this.#home };
    this.#child = fork(SERVE, [JSON.stringify(options)], { detached: true, env });
    await this.#report();
    const commands = (await membersOf(this.#group)).join();
    if (!/workerd/.test(commands)) throw new Error(`The runtime is not in the group, only ${commands}.`);
  }

  /** Kills the whole process group by SIGKILL, and returns when all of its processes are dead. */
  async kill(): Promise<void> {
    const group = this.#group;
    process.kill(-group, 'SIGKILL');
    const end = Date.now() + DEATH_MS;
    while ((await membersOf(group)).length > 0) {
      if (Date.now() > end) throw new Error(`Of the group live on: ${await membersOf(group)}.`);
      await sleep(5);
    }
    this.#child = undefined;
  }

  /** Runs the scheduled handler, which normally runs every minute. */
  async runScheduled(): Promise<void> {
    await this.#ask({ scheduled: true });
  }

  /** Runs a query on its database. Only one query may run at a time. */
  async query<Row>(sql: string): Promise<Row[]> {
    return (await this.#ask({ sql })) as Row[];
  }

  /** Kills it if it still runs, and removes its stores. */
  async remove(): Promise<void> {
    // It may have ended by itself.
    if (this.#child) await this.kill().catch(() => undefined);
    await rm(this.#home, { recursive: true });
  }

  get #group(): number {
    const group = this.#child?.pid;
    if (group === undefined) throw new Error('It does not run.');
    return group;
  }

  #ask(order: Order): Promise<unknown[]> {
    this.#child?.send(order);
    return this.#report();
  }

  async #report(): Promise<unknown[]> {
    const { signal, abort } = aborting();
    const child = this.#child;
    if (!child) throw new Error('It does not run.');
    const ended = once(child, 'exit', { signal }).then(() => ({ failure: 'It ended.' }));
    const message = once(child, 'message', { signal }).then(([report]) => report as Report);
    const report = await Promise.race([message, ended]);
    abort();
    await Promise.allSettled([message, ended]);
    if ('failure' in report) throw new Error(report.failure);
    return 'rows' in report ? report.rows : [];
  }
}

/**
 * Returns a directory in memory if there is room, otherwise on disk. A killed process leaves the same files in both, but in memory it never
 * waits for a disk.
 */
async function quickPlace(): Promise<string> {
  const memory = await statfs(SHARED_MEMORY).catch(() => undefined);
  return memory && memory.bavail * memory.bsize > ROOM_BYTES ? SHARED_MEMORY : tmpdir();
}

function aborting() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Returns the commands of the live processes in a group. Zombies, which are dead but not reaped yet, are left out. */
async function membersOf(group: number): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pgid=,stat=,comm=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([pgid, stat]) => Number(pgid) === group && !stat?.startsWith('Z'))
    .map(([, , command]) => command ?? '');
}
