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

/** The deployment that the keys of a file belong to. Comments of the file name it; those of older versions name none. */
export interface Owner {
  /** The id of the Cloudflare account. */
  readonly account?: string | undefined;
  readonly issuer?: string | undefined;
}

export interface KeysFile {
  readonly keys: Keys;
  readonly owner: Owner;
}

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
  return (await readKeysFile(file)).keys;
}

/** Like `readKeys()`, and returns the deployment that the keys belong to. */
export async function readKeysFile(file: string): Promise<KeysFile> {
  const text = (await readText(file)) ?? '';
  return { keys: parseKeys(file, text), owner: parseOwner(text) };
}

function parseOwner(text: string): Owner {
  return { account: /^# account: (\S+)$/m.exec(text)?.[1], issuer: /^# issuer: (\S+)$/m.exec(text)?.[1] };
}

function ownerLines(text: string, owner: Owner): string {
  const known = parseOwner(text);
  const account = known.account === undefined && owner.account !== undefined ? `# account: ${owner.account}\n` : '';
  const issuer = known.issuer === undefined && owner.issuer !== undefined ? `# issuer: ${owner.issuer}\n` : '';
  return account + issuer;
}

/** @throws Failure if the keys of a file are those of another deployment. Two deployments must not share keys */
export function refuseOtherOwner(file: string, owner: Owner, expected: Owner): void {
  const other = (of: string, is: string) =>
    new Failure(
      `${file} has the keys of ${of}, and this deployment is ${is}. Nothing was changed. Name another file with --keys-file.`,
    );
  const { account, issuer } = owner;
  if (account !== undefined && expected.account !== undefined && account !== expected.account) {
    throw other(`the Cloudflare account ${account}`, `in the account ${expected.account}`);
  }
  if (issuer !== undefined && expected.issuer !== undefined && issuer !== expected.issuer) {
    throw other(`the issuer ${issuer}`, `for ${expected.issuer}`);
  }
}

/** Writes into a file with keys which deployment they belong to, unless the file says it. @throws Failure if it cannot be written */
export async function noteOwner(file: string, owner: Owner): Promise<void> {
  const before = await readText(file);
  const lines = before === undefined ? '' : ownerLines(before, owner);
  if (before !== undefined && lines !== '') await replaceText(file, `${endLine(before)}${lines}`);
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
export async function ensureKeys(
  file: string,
  { worker, account }: { readonly worker: string } & Pick<Owner, 'account'>,
  names: readonly KeyName[],
  now: Date,
): Promise<Keys> {
  const before = (await readText(file)) ?? '';
  const present = parseKeys(file, before);
  const missing = names.filter((name) => present[name] === undefined);
  const added: Keys = Object.fromEntries(missing.map((name) => [name, GENERATORS[name]()]));
  if (missing.length > 0)
    await replaceText(file, `${withKeys(before, worker, added, now)}${ownerLines(before, { account })}`);
  else if (names.length > 0) await noteOwner(file, { account });
  const keys = { ...present, ...added };
  return Object.fromEntries(names.map((name) => [name, keys[name]]));
}

function withKeys(before: string, worker: string, added: Keys, now: Date): string {
  const lines = Object.entries(added).map(([name, value]) => `${name}=${value}\n`);
  return `${endLine(before)}# The keys of the deployment ${worker}, written on ${now.toISOString().slice(0, 10)}. Keep a copy in a safe place: without
# MASTER_KEY the database is worthless. ROOT_API_KEY may do everything.
${lines.join('')}`;
}

const endLine = (text: string) => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

async function replaceText(file: string, text: string): Promise<void> {
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
