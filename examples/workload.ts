import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import type { Local } from './local.ts';
import { type Platform, playPlatform } from './platform.ts';

interface Declaration {
  readonly clients: readonly {
    readonly client_name: string;
    readonly federated_identities: readonly { readonly issuer: string }[];
  }[];
}

/**
 * Applies the declaration of an example with one client that is a workload, and lets the client trust a platform that is played here.
 * @param folder the folder of the example
 */
export async function applyForWorkload(
  local: Local,
  folder: string,
): Promise<{ readonly clientId: string; readonly platform: Platform }> {
  const file = `${folder}/edgemint.yaml`;
  const declaration = parse(await readFile(new URL(file, import.meta.url), 'utf8')) as Declaration;
  const [client] = declaration.clients;
  const [identity] = client?.federated_identities ?? [];
  if (!client || !identity) throw new Error(`${file} has no client with a federated identity.`);
  const platform = await playPlatform(identity.issuer);
  const trusting = { ...client, federated_identities: [{ ...identity, jwks: platform.jwks }] };
  await local.apply(file, stringify({ ...declaration, clients: [trusting] }));
  const { client_id } = JSON.parse(await local.edgemint('clients', 'get', client.client_name, '--json')) as {
    client_id: string;
  };
  return { clientId: client_id, platform };
}
