import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';
import worker from '../worker.ts';

/** Lets the Worker do what it does every minute, as of a time in milliseconds since the epoch, at which the clock then stays. */
export async function runScheduled(now: number): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now });
  await worker.scheduled(createScheduledController(), env);
}
