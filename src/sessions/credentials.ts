import { candidateHashes, hashSecret } from '../credentials/secret-hash.ts';
import type { SessionServices } from './services.ts';

/** Returns the keyed hash of the root key, with which the sessions of the root key end. */
export async function rootCredential({ config, masterKeys }: Pick<SessionServices, 'config' | 'masterKeys'>) {
  return hashSecret(config.rootApiKey, await masterKeys());
}

/** Returns the keyed hashes of everything in the configuration that sessions depend on, under each accepted master key. */
export async function currentCredentials({ config, acceptedKeys }: Pick<SessionServices, 'config' | 'acceptedKeys'>) {
  return candidateHashes(config.rootApiKey, await acceptedKeys());
}
