import { candidateHashes, hashSecret } from '../credentials/secret-hash.ts';
import { Redacted } from '../log/redacted.ts';
import type { Config } from '../platform/config.ts';
import type { SessionServices } from './services.ts';

/** Returns the keyed hash of the root key, with which the sessions of the root key end. */
export async function rootCredential({ config, masterKeys }: Pick<SessionServices, 'config' | 'masterKeys'>) {
  return hashSecret(config.rootApiKey, await masterKeys());
}

/** Returns the keyed hash of how Cloudflare Access is configured, with which the sessions of people end. */
export async function accessCredential({ config, masterKeys }: Pick<SessionServices, 'config' | 'masterKeys'>) {
  return hashSecret(textOf(config), await masterKeys());
}

/** Returns the keyed hashes of everything in the configuration that sessions depend on, under each accepted master key. */
export async function currentCredentials({ config, acceptedKeys }: Pick<SessionServices, 'config' | 'acceptedKeys'>) {
  const keys = await acceptedKeys();
  const root = await candidateHashes(config.rootApiKey, keys);
  return config.access() ? [...root, ...(await candidateHashes(textOf(config), keys))] : root;
}

function textOf({ access }: Config): Redacted {
  return new Redacted(`Cloudflare Access ${JSON.stringify(access())}`);
}
