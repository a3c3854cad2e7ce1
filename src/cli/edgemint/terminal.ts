import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Failure } from '../failure.ts';
import { UsageError } from './failures.ts';

// Questions go to stderr: stdout is the command's answer alone, for whatever reads it.

const INTERRUPTED = 130;

let remaining: Promise<string[]> | undefined;

/**
 * Something secret: from the environment, else asked at the terminal without an echo, else the next line of stdin. Never from the
 * arguments, which shells keep and processes show.
 * @param variable the environment's variable that may hold it
 */
export async function readSecret(what: string, variable?: string): Promise<string> {
  const given = variable === undefined ? undefined : process.env[variable];
  const secret = (given || (process.stdin.isTTY ? await askHidden(`${what}: `) : await nextLine())).trim();
  if (secret === '')
    throw new UsageError(`${what}: nothing was given.${variable ? ` It may stand in ${variable}.` : ''}`);
  return secret;
}

/** @throws UsageError where nobody is there to be asked */
export async function confirm(question: string, isAgreed: boolean): Promise<void> {
  if (isAgreed) return;
  if (!process.stdin.isTTY) throw new UsageError(`${question} Nobody can be asked here: give --yes to agree.`);
  const answer = await ask(`${question} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failure('Nothing was done.');
}

/** Asks at the terminal. */
export async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return answerOf(terminal, question);
}

async function askHidden(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // From here on the terminal echoes nothing, and only then is anything asked.
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(question);
  try {
    return await answerOf(terminal, '');
  } finally {
    process.stderr.write('\n');
  }
}

async function answerOf(terminal: ReturnType<typeof createInterface>, question: string): Promise<string> {
  terminal.once('SIGINT', () => process.exit(INTERRUPTED));
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  const answer = await Promise.race([terminal.question(question), ended]);
  terminal.close();
  return answer;
}

async function nextLine(): Promise<string> {
  remaining ??= text(process.stdin).then((all) => all.split('\n'));
  return (await remaining).shift() ?? '';
}
