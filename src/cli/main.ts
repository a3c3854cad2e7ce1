import { ConfigurationError } from '../platform/config.ts';
import { Failure } from './failure.ts';
import { stopChildren } from './wrangler.ts';

/**
 * Runs a command, and ends the process and its children with it. A failure is told in its sentence, and the exit code is then 1.
 * @param whenStopped the exit code when the process was asked to end, by ctrl-C or otherwise
 */
export async function runMain(main: () => Promise<void>, whenStopped: number): Promise<never> {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stopping = true;
      // What waits for a child then fails, and so `main` comes to its end, cleaning up on the way.
      stopChildren();
    });
  }
  let failed = false;
  try {
    await main();
  } catch (error) {
    failed = true;
    const isForPeople = error instanceof Failure || error instanceof ConfigurationError;
    if (!stopping) console.error(isForPeople ? error.message : error);
  }
  await stopChildren();
  process.exit(stopping ? whenStopped : Number(failed));
}
