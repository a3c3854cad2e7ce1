import { readFile, writeFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { generateSecret } from '../credentials/secret.ts';
import { type Config, ConfigurationError, readConfig, type Variables } from '../platform/config.ts';
import { MASTER_KEY_BYTES, SECRET_FILE_MODE } from './constants.ts';
import { Failure } from './failure.ts';
import { describeSystemError } from './system-error.ts';

const FILE = '.dev.vars';

/** Returns a new `MASTER_KEY`: random bytes in base64url. */
export function generateMasterKey(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(MASTER_KEY_BYTES))).toString('base64url');
}

/** Returns a new `ROOT_API_KEY` with 256 random bits. */
export function generateRootApiKey(): string {
  return generateSecret('emr_');
}

export interface LocalVariables {
  readonly variables: Readonly<Variables>;
  readonly config: Config;
}

/**
 * Creates .dev.vars with fresh secrets, unless the file exists.
 * @returns whether it was created
 */
export async function makeLocalVariables(): Promise<boolean> {
  const text = `# The secrets of the local service. ISSUER may be set here too. It defaults to http://localhost and the port.
MASTER_KEY=${generateMasterKey()}
ROOT_API_KEY=${generateRootApiKey()}
`;
  try {
    await writeFile(FILE, text, { flag: 'wx', mode: SECRET_FILE_MODE });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function readVariablesFile(): Promise<string> {
  try {
    return await readFile(FILE, 'utf8');
  } catch (error) {
    throw new Failure(describeSystemError(error, FILE) ?? `${FILE} could not be read.`);
  }
}

/**
 * Reads .dev.vars and checks it as the Worker does.
 * @param defaultIssuer the issuer if the file has none. The file outlives a change of the port
 * @throws Failure that names the variable that is missing or malformed, or says why the file cannot be read
 */
export async function readLocalVariables(defaultIssuer: string): Promise<LocalVariables> {
  const { ISSUER = defaultIssuer, MASTER_KEY = '', ROOT_API_KEY = '' } = parseEnv(await readVariablesFile());
  const variables = { ISSUER, MASTER_KEY, ROOT_API_KEY };
  try {
    return { variables, config: readConfig(variables) };
  } catch (error) {
    throw error instanceof ConfigurationError ? new Failure(`In ${FILE}: ${error.message}`) : error;
  }
}
