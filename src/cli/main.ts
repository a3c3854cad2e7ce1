import { ConfigurationError } from '../platform/config.ts';
import { EXIT_FAILED } from './constants.ts';
import { Failure } from './failure.ts';
import { describeSystemError } from './system-error.ts';
import { stopChildren } from './wrangler.ts';

/**
 * Runs a command, then ends its children and the process. The exit code is 0, or 1 after an error, which is printed.
 * @param stoppedExitCode the exit code if a signal ended the process, such as ctrl-C
 */
export async function runMain(main: () => Promise<void>, stoppedExitCode: number): Promise<never> {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      isStopping = true;
      // `main` waits for a child. When that ends, `main` fails and cleans up.
      stopChildren();
    });
  }
  let hasFailed = false;
  try {
    await main();
  } catch (error) {
    hasFailed = true;
    const isForUser = error instanceof Failure || error instanceof ConfigurationError;
    if (!isStopping) console.error(isForUser ? error.message : (describeSystemError(error) ?? error));
  }
  await stopChildren();
  process.exit(isStopping ? stoppedExitCode : hasFailed ? EXIT_FAILED : 0);
}
