import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigurationError, readConfig } from '../../platform/config.ts';
import { SECRET_DIRECTORY_MODE, SECRET_FILE_MODE } from '../constants.ts';
import { Failure } from '../failure.ts';
import { describeSystemError } from '../system-error.ts';
import { generateMasterKey, generateRootApiKey } from '../variables.ts';

export type KeyName = 'MASTER_KEY' | 'ROOT_API_KEY';
export type Keys = Readonly<Partial<Record<KeyName, string>>>;

const GENERATORS: Readonly<Record<KeyName, () => string>> = {
  MASTER_KEY: generateMasterKey,
  ROOT_API_KEY: generateRootApiKey,
};

/**
 * Reads the keys of a deployment.
 * @returns no keys if there is no such file.
 * @throws Failure if it cannot be read, or a key is malformed
 */
export async function readKeys(file: string): Promise<Keys> {
  return parseKeys(file, (await readText(file)) ?? '');
}

/** @returns undefined if there is no such file. @throws Failure if it cannot be read */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Failure(describeSystemError(error, file) ?? `${file} could not be read.`);
  }
}

function parseKeys(file: string, text: string): Keys {
  const { MASTER_KEY, ROOT_API_KEY } = parseEnv(text);
  const keys = { ...(MASTER_KEY && { MASTER_KEY }), ...(ROOT_API_KEY && { ROOT_API_KEY }) };
  try {
    const others = {
      ISSUER: 'https://issuer.invalid',
      MASTER_KEY: generateMasterKey(),
      ROOT_API_KEY: generateRootApiKey(),
    };
    readConfig({ ...others, ...keys });
  } catch (error) {
    throw error instanceof ConfigurationError ? new Failure(`In ${file}: ${error.message}`) : error;
  }
  return keys;
}

/**
 * Returns these keys from the file. Those that it lacks are generated and added to it first, so that a key that a Worker may have received
 * is never lost. What else the file has stays.
 * @throws Failure if the file cannot be read or written
 */
export async function ensureKeys(file: string, worker: string, names: readonly KeyName[], now: Date): Promise<Keys> {
  const before = (await readText(file)) ?? '';
  const present = parseKeys(file, before);
  const missing = names.filter((name) => present[name] === undefined);
  const added: Keys = Object.fromEntries(missing.map((name) => [name, GENERATORS[name]()]));
  if (missing.length > 0) await writeKeys(file, before, worker, added, now);
  const keys = { ...present, ...added };
  return Object.fromEntries(names.map((name) => [name, keys[name]]));
}

async function writeKeys(file: string, before: string, worker: string, added: Keys, now: Date): Promise<void> {
  const lines = Object.entries(added).map(([name, value]) => `${name}=${value}\n`);
  const text = `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}# The keys of the deployment ${worker}, written on ${now.toISOString().slice(0, 10)}. Keep a copy in a safe place: without
# MASTER_KEY the database is worthless. ROOT_API_KEY may do everything.
${lines.join('')}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: SECRET_DIRECTORY_MODE });
    // Write a draft and rename it, so that an interruption cannot leave half a file.
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, text, { mode: SECRET_FILE_MODE, flag: 'wx' });
    await chmod(draft, SECRET_FILE_MODE);
    await rename(draft, file);
  } catch (error) {
    throw new Failure(describeSystemError(error, file) ?? `${file} could not be written.`);
  }
}
