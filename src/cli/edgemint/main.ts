#!/usr/bin/env node
import { EXIT_FAILED } from '../constants.ts';
import { processIo } from './io.ts';
import { run } from './run.ts';

// The reader of a pipe may close it early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAILED));

// Setting the exit code instead of exiting lets all output arrive.
run(process.argv.slice(2), processIo()).then((code) => {
  process.exitCode = code;
});
