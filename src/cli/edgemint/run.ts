import { inspect } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE } from '../constants.ts';
import { Failure } from '../failure.ts';
import { describeSystemError } from '../system-error.ts';
import { CallError } from './command-line.ts';
import { Interrupted, UsageError } from './failures.ts';
import type { Io } from './io.ts';
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
    // Commander has already printed its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof Interrupted) {
      if (error.message !== '') terminal.note(error.message);
      return EXIT_INTERRUPTED;
    }
    const message = messageOf(error, program.running);
    terminal.fail(message);
    const wantsJson = args.slice(0, [...args, '--'].indexOf('--')).includes('--json');
    // stdout is one JSON document, so a command that has printed its answer prints no problem.
    if (wantsJson && !terminal.hasPrinted) terminal.printJson(problemOf(error, message));
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

function messageOf(error: unknown, command: Command | undefined): string {
  if (error instanceof RequestError) return error.describeFor(command);
  return error instanceof Failure ? error.message : (describeSystemError(error) ?? inspect(error));
}

/** Returns the problem document of an error: that of the server, or one of the same form ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). */
function problemOf(error: unknown, message: string): object {
  if (error instanceof RequestError) return { status: error.status, ...error.problem };
  if (error instanceof CallError) {
    return { type: 'urn:edgemint:cli:usage', title: 'The arguments are wrong', detail: message, errors: error.faults };
  }
  if (error instanceof UsageError) {
    return { type: 'urn:edgemint:cli:usage', title: 'The command was called wrongly', detail: message };
  }
  return { type: 'urn:edgemint:cli:failed', title: 'The command failed', detail: message };
}
