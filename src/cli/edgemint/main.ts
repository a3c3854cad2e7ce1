#!/usr/bin/env node
import { EXIT_FAILED } from '../constants.ts';
import { processIo } from './io.ts';
import { run } from './run.ts';

// The reader of a pipe may close it early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`The output could not be written (${error.code}).\n`);
  process.exit(EXIT_FAILED);
});
// Without a reader of its notes, a command still does its work.
process.stderr.on('error', () => undefined);

// Setting the exit code instead of exiting lets all output arrive.
run(process.argv.slice(2), processIo()).then((code) => {
  process.exitCode = code;
});
