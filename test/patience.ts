import { vi } from 'vitest';

// Every project whose tests wait for events loads this file. A wait ends as soon as its event happens. The default limit of `vi.waitFor()`
// and `vi.waitUntil()` is one second, which a busy machine exceeds; this one is shorter than any test's own, so that the test says what it
// waited for.
const PATIENCE_MS = 50_000;

const { waitFor, waitUntil } = vi;
type Options = Parameters<typeof waitFor>[1];

function patient(options: Options = {}): Options {
  return typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options };
}

vi.waitFor = (callback, options) => waitFor(callback, patient(options));
vi.waitUntil = (callback, options) => waitUntil(callback, patient(options));
