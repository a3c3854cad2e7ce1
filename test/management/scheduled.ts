import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';
import worker from '../worker.ts';

/** Runs the scheduled handler at a time in milliseconds since the epoch. The faked clock stays at that time. */
export async function runScheduled(now: number): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now });
  await worker.scheduled(createScheduledController(), env);
}
