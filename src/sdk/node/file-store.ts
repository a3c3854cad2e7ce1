import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenStore } from '../client/store.ts';

/**
 * Shares tokens through files between the processes of one machine and one user, with a lease
 * ([RFC 6749 section 10.3](https://www.rfc-editor.org/rfc/rfc6749#section-10.3): everybody who reads the files can use the tokens, so only their
 * owner can).
 * @param directory the folder of the files, which is created if it is missing
 * @example
 * const source = tokenSource({ issuer, client, store: fileStore('/run/user/1000/tokens') });
 */
export function fileStore(directory: string): TokenStore {
  const fileOf = (key: string) => join(directory, createHash('sha256').update(key).digest('hex'));
  const leaseOf = (key: string) => `${fileOf(key)}.lease`;
  const prepare = () => mkdir(directory, { recursive: true, mode: 0o700 });
  return {
    get: (key) => read(fileOf(key)),
    set: async (key, value) => {
      await prepare();
      // Another process may read the file at any moment, so it must appear complete.
      const partial = `${fileOf(key)}.${randomUUID()}`;
      await writeFile(partial, value, { mode: 0o600 });
      await rename(partial, fileOf(key));
    },
    acquire: async (key, holder, ttlMs) => {
      await prepare();
      const lease = leaseOf(key);
      if (await create(lease, holder)) return true;
      if ((await read(lease)) === holder) {
        await writeFile(lease, holder, { mode: 0o600 });
        return true;
      }
      const since = await stat(lease).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      );
      if (since !== undefined && Math.abs(Date.now() - since) < ttlMs) return false;
      // Its holder has ended. Two processes may find that at once, and then both request a token, which does no harm.
      await rm(lease, { force: true });
      return create(lease, holder);
    },
    release: async (key, holder) => {
      if ((await read(leaseOf(key))) === holder) await rm(leaseOf(key), { force: true });
    },
  };
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Creates a file. @returns false if it exists */
async function create(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(content);
    await file.close();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}
