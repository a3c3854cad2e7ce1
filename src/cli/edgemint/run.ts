import { inspect } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE } from '../constants.ts';
import { Failure } from '../failure.ts';
import { describeSystemError } from '../system-error.ts';
import { CallError } from './command-line.ts';
import { Interrupted, UsageError } from './failures.ts';
import type { Io } from './io.ts';
import { OAuthRefusal } from './oauth.ts';
import { printable } from './printable.ts';
import { createProgram } from './program.ts';
import { RequestError } from './request-error.ts';
import { Terminal } from './terminal.ts';

/**
 * Runs one command.
 * @param args the arguments after the program's name
 * @returns the exit code; the errors are on `io.stderr`, and with `--json` a problem document is on `io.stdout`
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const terminal = new Terminal(io);
  const program = createProgram(terminal, run);
  try {
    await program.parseAsync(args, { from: 'user' });
    return terminal.exitCode;
  } catch (error) {
    const wantsJson = args.slice(0, [...args, '--'].indexOf('--')).includes('--json');
    // Commander has already printed its help.
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      if (wantsJson) terminal.printJson(problemOf(new UsageError(NO_COMMAND), NO_COMMAND));
      return EXIT_USAGE;
    }
    if (error instanceof Interrupted) {
      if (error.message !== '') terminal.note(error.message);
      return EXIT_INTERRUPTED;
    }
    const message = printable(messageOf(error, program.running, io));
    terminal.fail(message);
    // stdout is one JSON document, so a command that has printed its answer prints no problem.
    if (wantsJson && !terminal.hasPrinted) terminal.printJson(problemOf(error, message));
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

const NO_COMMAND = 'A command is missing. --help lists them.';

function messageOf(error: unknown, command: Command | undefined, { env }: Io): string {
  if (error instanceof RequestError) return error.describeFor(command);
  if (error instanceof Failure) return error.message;
  const text = describeSystemError(error);
  if (text !== undefined) return text;
  if (env.EDGEMINT_DEBUG) return inspect(error);
  const reason = error instanceof Error ? error.message : String(error);
  return `This should not have happened: ${reason} EDGEMINT_DEBUG=1 shows where it did.`;
}

const FAILED = { type: 'urn:edgemint:cli:failed', title: 'The command failed' };

/** Returns the problem document of an error: that of the server, or one of the same form ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). */
function problemOf(error: unknown, message: string): object {
  if (error instanceof RequestError) {
    return { title: 'The request failed', status: error.status, ...error.problem };
  }
  if (error instanceof OAuthRefusal) {
    const { status, error: code, error_description } = error;
    return { ...FAILED, detail: message, status, error: code, error_description };
  }
  if (error instanceof CallError) {
    return { type: 'urn:edgemint:cli:usage', title: 'The arguments are wrong', detail: message, errors: error.faults };
  }
  if (error instanceof UsageError) {
    return { type: 'urn:edgemint:cli:usage', title: 'The command was called wrongly', detail: message };
  }
  return { ...FAILED, detail: message };
}
