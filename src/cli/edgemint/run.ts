import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE } from '../constants.ts';
import { Failure } from '../failure.ts';
import { describeSystemError } from '../system-error.ts';
import { Interrupted, UsageError } from './failures.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';
import { Terminal } from './terminal.ts';

/**
 * Runs one command.
 * @param args the arguments after the program's name
 * @returns the exit code; the errors are on `io.stderr`
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const terminal = new Terminal(io);
  try {
    await createProgram(terminal).parseAsync(args, { from: 'user' });
    return terminal.exitCode;
  } catch (error) {
    // Commander has already printed its own errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof Interrupted) return EXIT_INTERRUPTED;
    terminal.note(error instanceof Failure ? error.message : (describeSystemError(error) ?? inspect(error)));
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}
