import { isJsonObject } from '../lib/json.ts';
import { fetchJson } from './fetch-json.ts';
import { KeySet } from './key-set.ts';
import { RemoteError } from './remote-error.ts';

/** Where somebody publishes keys: at a URL of their own, or wherever an issuer's discovery document says. */
export type KeySource = { readonly jwks_uri: string } | { readonly issuer: string };

/** Fetches the keys of a source, after its discovery document where there is one. @throws RemoteError */
export async function fetchKeySet(source: KeySource): Promise<KeySet> {
  return new KeySet(await fetchJson('jwks_uri' in source ? source.jwks_uri : await discover(source.issuer)));
}

/** Reads from an issuer's metadata ([OpenID Connect Discovery section 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)) where its keys are. */
async function discover(issuer: string): Promise<string> {
  // To the query of an issuer that has one the path would be added, and whatever is at its root would be asked.
  if (issuer.includes('?')) throw new RemoteError('address');
  const metadata = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (!isJsonObject(metadata)) throw new RemoteError('malformed');
  if (metadata.issuer !== issuer) throw new RemoteError('issuer');
  if (typeof metadata.jwks_uri !== 'string') throw new RemoteError('malformed');
  return metadata.jwks_uri;
}
