import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SecretReference } from '../../../declaration/imported.ts';
import { Redacted } from '../../../log/redacted.ts';
import { ImportedCredentials } from '../../../management/fields/imported-credentials.ts';
import type { Environment } from '../io.ts';
import type { Complaint } from './complaint.ts';
import type { Action } from './plan.ts';

/** The secrets of the imported clients that are to be created, by `client_id`. */
export type Secrets = ReadonlyMap<string, Redacted>;

/**
 * Reads the secrets that the new clients of a plan refer to.
 * @param folder the folder of the declaration, from which paths lead
 * @returns also a complaint about each secret that cannot be read, or that the server would refuse. None contains a secret
 */
export async function readSecrets(
  actions: readonly Action[],
  env: Environment,
  folder: string,
): Promise<{ secrets: Secrets; complaints: readonly Complaint[] }> {
  const secrets = new Map<string, Redacted>();
  const complaints: Complaint[] = [];
  for (const action of actions) {
    if (action.do !== 'create' || !action.imported?.client_secret) continue;
    const { client_id, client_secret } = action.imported;
    const read = await readSecret(client_secret, env, folder);
    if (read instanceof Redacted) secrets.set(client_id, read);
    else complaints.push({ path: [action.section, action.index, 'client_secret'], message: read });
  }
  return { secrets, complaints };
}

/** @returns the secret, or what is wrong with it */
async function readSecret(reference: SecretReference, env: Environment, folder: string): Promise<Redacted | string> {
  const place = 'env' in reference ? `The variable ${reference.env}` : `The file ${reference.file}`;
  const text = 'env' in reference ? env[reference.env] : await readSecretFile(resolve(folder, reference.file));
  if (text === undefined) return `${place} ${'env' in reference ? 'is not set' : 'could not be read'}.`;
  if (text === '') return `${place} is empty.`;
  const result = ImportedCredentials.client_secret.safeParse(text);
  if (result.success) return result.data ?? `${place} is empty.`;
  return `The secret in ${place.charAt(0).toLowerCase()}${place.slice(1)} ${result.error.issues[0]?.message}.`;
}

async function readSecretFile(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  // Editors and `echo` end a file with a line break.
  return text?.replace(/\r?\n$/, '');
}
