import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import worker from '../worker.ts';

/** Lets the Worker do what it does every minute, as of a time in milliseconds since the epoch. */
export async function runScheduled(now: number): Promise<void> {
  await worker.scheduled(createScheduledController({ scheduledTime: new Date(now), cron: '* * * * *' }), env);
}
