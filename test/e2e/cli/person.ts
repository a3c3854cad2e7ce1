import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Io } from '../../../src/cli/edgemint/io.ts';
import { run } from '../../../src/cli/edgemint/run.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/edgemint/main.ts', import.meta.url));

/** The longest pause of a command that runs in this process. Everything that commands wait for is ready sooner in these tests. */
const MAX_PAUSE_MS = 20;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Record<string, string>;
}

/** An action that runs once, as soon as a process has written a text. */
interface Reaction {
  readonly text: string;
  act(child: ChildProcessWithoutNullStreams): void;
}

/** A user at a shell, with their own home and environment. Commands run in this process, unless a method says otherwise. */
export class Person {
  readonly home: string;
  readonly env: Record<string, string>;
  /** The arguments of every command. */
  readonly calls: string[][] = [];

  private constructor(home: string, env: Record<string, string>) {
    this.home = home;
    this.env = env;
  }

  static async arrive(env: Record<string, string> = {}): Promise<Person> {
    return new Person(await mkdtemp(join(tmpdir(), 'edgemint-home-')), env);
  }

  leave(): Promise<void> {
    return rm(this.home, { recursive: true, force: true });
  }

  file(name: string): string {
    return join(this.home, name);
  }

  /** Runs `edgemint` without a terminal. */
  async run(args: readonly string[], { input = '', env }: RunOptions = {}): Promise<Ended> {
    const [stdout, stderr] = [new Recorder(), new Recorder()];
    const stdin = new PassThrough();
    stdin.end(input);
    const code = await this.#run(args, { stdin, stdout, stderr }, env);
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  /** Runs it at a terminal, at which stdout and stderr are the same. The user types a line when asked. */
  runAtTerminal(args: readonly string[], typed: string): Promise<Ended> {
    return this.whenAsked(args, async () => typed);
  }

  /** Runs it at a terminal. The user does something when asked, and then types a line. */
  async whenAsked(args: readonly string[], answer: () => Promise<string>): Promise<Ended> {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const screen = new Recorder((text) => {
      if (text.endsWith('[y/N] ') || text.endsWith(' to agree: ')) void answer().then((typed) => stdin.end(typed));
    });
    const code = await this.#run(args, { stdin, stdout: screen, stderr: screen });
    return { code, stdout: screen.text, stderr: '' };
  }

  /** Runs it with `--json` and returns the parsed answer. Throws if the command fails. */
  async json<T>(args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json']);
    if (code !== 0) throw new Error(`edgemint ${args.join(' ')}: ${code}\n${stderr}`);
    return JSON.parse(stdout);
  }

  /** Runs it in its own process, without a terminal. */
  spawn(args: readonly string[], options: RunOptions & { reaction?: Reaction } = {}): Promise<Ended> {
    return this.#spawn(process.execPath, [MAIN, ...args], { input: '', ...options });
  }

  /** Runs it in its own process at a real terminal. The user types a line when the question appears. */
  spawnAtTerminal(args: readonly string[], typed: string, question: string): Promise<Ended> {
    const command = [process.execPath, MAIN, ...args].map((arg) => `'${arg}'`).join(' ');
    const reaction = { text: question, act: ({ stdin }: ChildProcessWithoutNullStreams) => void stdin.end(typed) };
    return this.#spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { reaction });
  }

  #run(args: readonly string[], streams: Pick<Io, 'stdin' | 'stdout' | 'stderr'>, env = {}): Promise<number> {
    this.calls.push([...args]);
    return run(args, {
      ...streams,
      env: { ...this.env, ...env },
      home: this.home,
      signals: new EventEmitter(),
      sleep: (milliseconds) => sleep(Math.min(milliseconds, MAX_PAUSE_MS)),
    });
  }

  #spawn(
    file: string,
    args: readonly string[],
    { input, env, reaction }: RunOptions & { reaction?: Reaction },
  ): Promise<Ended> {
    this.calls.push([...args]);
    const child = spawn(file, args, {
      cwd: this.home,
      env: { PATH: process.env.PATH ?? '', HOME: this.home, NO_COLOR: '1', ...this.env, ...env },
    });
    const output = { stdout: '', stderr: '' };
    let hasReacted = false;
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output.stdout += text;
      if (hasReacted || !reaction || !output.stdout.includes(reaction.text)) return;
      hasReacted = true;
      reaction.act(child);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output.stderr += text;
    });
    // A command that refuses its arguments does not read its input.
    child.stdin.on('error', () => undefined);
    if (input !== undefined) child.stdin.end(input);
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  }
}

/** Collects the text that is written to it. */
export class Recorder extends Writable {
  text = '';
  readonly #onText: (text: string) => void;

  constructor(onText: (text: string) => void = () => undefined) {
    super({ decodeStrings: false });
    this.#onText = onText;
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk;
    this.#onText(this.text);
    done();
  }
}

/** Returns an `Io` without input whose output is discarded, for tests that look at the program itself. */
export const noIo = (): Io => ({
  stdin: new PassThrough().end(),
  stdout: new Recorder(),
  stderr: new Recorder(),
  env: {},
  home: '/nowhere',
  signals: new EventEmitter(),
  sleep: () => Promise.resolve(),
});
