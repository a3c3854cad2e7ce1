import { readFile, writeFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { generateSecret } from '../credentials/secret.ts';
import { type Config, ConfigurationError, readConfig, type Variables } from '../platform/config.ts';
import { Failure } from './failure.ts';

const FILE = '.dev.vars';

/** 32 random bytes in base64url. */
export function generateMasterKey(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
}

/** A new `ROOT_API_KEY`, of 256 random bits. */
export function generateRootApiKey(): string {
  return generateSecret('emr_');
}

export interface LocalVariables {
  readonly variables: Readonly<Variables>;
  readonly config: Config;
}

/**
 * Makes .dev.vars with fresh secrets unless it is there.
 * @returns whether it was made
 */
export async function makeLocalVariables(): Promise<boolean> {
  const text = `# The secrets of the local service. ISSUER may be set here too; without it, it is http://localhost and the port.
MASTER_KEY=${generateMasterKey()}
ROOT_API_KEY=${generateRootApiKey()}
`;
  try {
    await writeFile(FILE, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Reads .dev.vars, and checks it as the Worker will.
 * @param defaultIssuer the issuer where the file names none: the file outlives a change of port
 * @throws Failure with the one sentence that says what is missing or malformed
 */
export async function readLocalVariables(defaultIssuer: string): Promise<LocalVariables> {
  const { ISSUER = defaultIssuer, MASTER_KEY = '', ROOT_API_KEY = '' } = parseEnv(await readFile(FILE, 'utf8'));
  const variables = { ISSUER, MASTER_KEY, ROOT_API_KEY };
  try {
    return { variables, config: readConfig(variables) };
  } catch (error) {
    throw error instanceof ConfigurationError ? new Failure(`In ${FILE}: ${error.message}`) : error;
  }
}
