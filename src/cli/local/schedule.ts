import { setTimeout as sleep } from 'node:timers/promises';
import { SCHEDULE_MS } from '../constants.ts';

/**
 * Runs the scheduled handler at once and then every minute, as the cron trigger of wrangler.toml does, until the process ends. A run that
 * takes longer delays the next one.
 * @param report receives the error of a failed run, which does not end the schedule
 */
export async function runOnSchedule(run: () => Promise<void>, report: (error: unknown) => void): Promise<never> {
  for (;;) {
    await run().catch(report);
    await sleep(SCHEDULE_MS);
  }
}
