import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The environment variable that names the directory. */
export const BUILDS_VARIABLE = 'EDGEMINT_TEST_BUILDS';

/** Vitest's global setup: creates a directory in which the test files of a run share their builds, and removes it at the end. */
export default async function shareBuilds(): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'edgemint-builds-'));
  process.env[BUILDS_VARIABLE] = directory;
  return () => rm(directory, { recursive: true });
}
