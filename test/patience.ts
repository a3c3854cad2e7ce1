import { vi } from 'vitest';

// Every project sets this up. What a test waits for comes when it comes: the wait ends with the event, and is given up no sooner than the test itself. The
// default of `vi.waitFor()` and `vi.waitUntil()` is one second, which a busy machine exceeds.
const PATIENCE_MS = 50_000;

const { waitFor, waitUntil } = vi;
type Options = Parameters<typeof waitFor>[1];

function patient(options: Options = {}): Options {
  return typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options };
}

vi.waitFor = (callback, options) => waitFor(callback, patient(options));
vi.waitUntil = (callback, options) => waitUntil(callback, patient(options));
