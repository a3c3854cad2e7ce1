#!/usr/bin/env node
import { CommanderError } from 'commander';
import { Failure } from '../failure.ts';
import { EXIT_FAILED, EXIT_USAGE, UsageError } from './failures.ts';
import { createProgram } from './program.ts';

/** Runs the command line. It ends by itself, so that all that was written arrives. */
async function main(): Promise<void> {
  // Whoever reads may have read enough, as `head` does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAILED));
  try {
    await createProgram().parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has told its own errors.
    if (!(error instanceof CommanderError)) console.error(error instanceof Failure ? error.message : error);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
}

main();
