import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Failure } from '../failure.ts';
import { Interrupted, UsageError } from './failures.ts';
import type { Environment, Io } from './io.ts';
import type { Screen } from './output.ts';
import { printableJson } from './printable.ts';
import { styleOf } from './style.ts';

/** Reads from and writes to the user of one command. Questions and notes go to stderr, so that stdout holds the command's answer only. */
export class Terminal {
  readonly io: Io;
  /** The exit code of a command that throws nothing. */
  exitCode = 0;
  #hasPrinted = false;
  #unreadLines: Promise<string[]> | undefined;

  constructor(io: Io) {
    this.io = io;
  }

  get env(): Environment {
    return this.io.env;
  }

  /** Whether somebody can be asked. */
  get isInteractive(): boolean {
    return this.io.stdin.isTTY ?? false;
  }

  /** How stdout shows lists and colours. */
  get screen(): Screen {
    const { stdout } = this.io;
    return { style: styleOf(stdout, this.env), width: stdout.isTTY ? stdout.columns : undefined };
  }

  /** Whether the command has written to stdout. */
  get hasPrinted(): boolean {
    return this.#hasPrinted;
  }

  /** Writes a text to stdout, with one newline at its end. */
  print(text: string): void {
    this.#hasPrinted = true;
    this.io.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Writes a value to stdout as JSON, with unprintable characters escaped. */
  printJson(value: unknown): void {
    this.print(printableJson(value));
  }

  /** Writes to stderr why the command failed. */
  fail(text: string): void {
    const [first = '', ...rest] = text.split('\n');
    this.note([styleOf(this.io.stderr, this.env).red(first), ...rest].join('\n'));
  }

  /** Writes a warning to stderr. */
  warn(text: string): void {
    this.note(`${styleOf(this.io.stderr, this.env).yellow('Warning:')} ${text}`);
  }

  /** Writes a line for people to stderr. */
  note(text: string): void {
    this.io.stderr.write(`${text}\n`);
  }

  /**
   * Reads a secret from the environment, else from the terminal without an echo, else from the next line of stdin. Arguments never hold
   * secrets: shells keep arguments, and other users of the machine see them.
   * @param label names the secret in the question and in errors
   * @param variable the environment variable that may hold the secret
   * @throws UsageError if the secret is empty
   */
  async readSecret(label: string, variable?: string): Promise<string> {
    const preset = variable === undefined ? undefined : this.env[variable];
    const secret = (
      preset || (this.isInteractive ? await this.#askHidden(`${label}: `) : await this.#nextLine())
    ).trim();
    if (secret === '') {
      throw new UsageError(
        `${label} is empty: pass it on stdin${variable === undefined ? '' : `, or set ${variable}`}.`,
      );
    }
    return secret;
  }

  /** Reads stdin to its end. */
  readInput(): Promise<string> {
    return text(this.io.stdin);
  }

  /**
   * Asks the user to agree.
   * @param isAgreed whether `--yes` agreed beforehand
   * @param signal ends the question
   * @throws Failure if the user does not agree, UsageError if there is no terminal to ask at
   */
  async confirm(question: string, isAgreed: boolean, signal?: AbortSignal): Promise<void> {
    if (isAgreed) return;
    if (!this.isInteractive) throw new UsageError(`${question} There is no terminal to ask at: agree with --yes.`);
    const answer = await this.ask(`${question} [y/N] `, signal);
    if (!/^y(es)?$/i.test(answer.trim())) throw new Failure('Nothing was done.');
  }

  /**
   * Asks the user to type a name, before something that cannot be undone.
   * @param option the option that says the name beforehand, for the error
   * @throws Failure if the user types another name, UsageError if there is no terminal to ask at
   */
  async confirmByTyping(question: string, name: string, option: string): Promise<void> {
    if (!this.isInteractive) {
      throw new UsageError(`${question} There is no terminal to ask at: agree with ${option}.`);
    }
    const answer = await this.ask(`${question} Type its name to agree: `);
    if (answer.trim() !== name.trim()) throw new Failure('That is not its name. Nothing was done.');
  }

  ask(question: string, signal?: AbortSignal): Promise<string> {
    return answerOf(createInterface({ input: this.io.stdin, output: this.io.stderr }), question, signal);
  }

  async #askHidden(question: string): Promise<string> {
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    // The interface turns the echo off. Only after that may the question invite the user to type.
    const prompt = createInterface({ input: this.io.stdin, output: nowhere, terminal: true });
    this.io.stderr.write(question);
    try {
      return await answerOf(prompt, '');
    } finally {
      this.io.stderr.write('\n');
    }
  }

  async #nextLine(): Promise<string> {
    this.#unreadLines ??= this.readInput().then((input) => input.split('\n'));
    return (await this.#unreadLines).shift() ?? '';
  }
}

/** Returns the line that the user types, or an empty one if the input ends. @throws Interrupted on ctrl-C, and when the signal aborts */
async function answerOf(prompt: Interface, question: string, signal?: AbortSignal): Promise<string> {
  const ended = new Promise<string>((resolve, reject) => {
    prompt.once('SIGINT', () => reject(new Interrupted()));
    signal?.addEventListener('abort', () => reject(new Interrupted()), { once: true });
    prompt.once('close', () => resolve(''));
  });
  try {
    return await Promise.race([prompt.question(question), ended]);
  } finally {
    prompt.close();
  }
}
