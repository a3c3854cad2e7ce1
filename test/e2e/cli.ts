import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/edgemint/main.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Record<string, string>;
  readonly reaction?: Reaction;
}

/** What is done, once, when the command has written something. */
interface Reaction {
  readonly text: string;
  act(child: ChildProcessWithoutNullStreams): void;
}

/** A person at a shell: with a home of their own, and nothing in the environment but what is given. */
export class Person {
  readonly home: string;
  readonly env: Record<string, string>;
  /** The arguments of every process that was started. */
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

  /** Runs `edgemint` with what is written to its stdin; there is no terminal. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.#spawn(process.execPath, [MAIN, ...args], { input: '', ...options });
  }

  /** Runs it at a terminal, where a person types a line; stdout and stderr are one there. */
  runAtTerminal(args: readonly string[], typed: string, question?: string): Promise<Ended> {
    return this.whenAsked(args, async () => typed, question);
  }

  /** Runs it at a terminal, where a person does something when asked, and then types a line. */
  whenAsked(args: readonly string[], answer: () => Promise<string>, question = '[y/N]'): Promise<Ended> {
    const command = [process.execPath, MAIN, ...args].map((arg) => `'${arg}'`).join(' ');
    const act = ({ stdin }: ChildProcessWithoutNullStreams) => answer().then((typed) => stdin.end(typed));
    const reaction = { text: question, act };
    return this.#spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { reaction });
  }

  /** Runs it for an answer in JSON, which it must give. */
  async json<T>(args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json']);
    if (code !== 0) throw new Error(`edgemint ${args.join(' ')}: ${code}\n${stderr}`);
    return JSON.parse(stdout);
  }

  #spawn(file: string, args: readonly string[], { input, env, reaction }: RunOptions): Promise<Ended> {
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
    // A command that refuses its arguments reads nothing.
    child.stdin.on('error', () => undefined);
    if (input !== undefined) child.stdin.end(input);
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  }
}
