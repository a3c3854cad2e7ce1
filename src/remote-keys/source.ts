import { isJsonObject } from '../lib/json.ts';
import { KeySet } from './key-set.ts';
import { RemoteError } from './remote-error.ts';

/** Where keys are published: at a URL, or at the `jwks_uri` of an issuer's discovery document. */
export type KeySource = { readonly jwks_uri: string } | { readonly issuer: string };

/** Fetches a JSON document from a URL. @throws RemoteError */
export type FetchDocument = (url: string) => Promise<unknown>;

/** Fetches the keys of a source, after the discovery document if it is an issuer. @throws RemoteError */
export async function fetchKeySet(source: KeySource, fetchDocument: FetchDocument): Promise<KeySet> {
  const url = 'jwks_uri' in source ? source.jwks_uri : await discoverJwksUri(source.issuer, fetchDocument);
  return new KeySet(await fetchDocument(url));
}

/**
 * Reads the `jwks_uri` from an issuer's metadata
 * ([OpenID Connect Discovery section 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).
 */
async function discoverJwksUri(issuer: string, fetchDocument: FetchDocument): Promise<string> {
  // If the issuer had a query, the well-known path would become part of it, and the request would go to another document.
  if (issuer.includes('?')) throw new RemoteError('address');
  const metadata = await fetchDocument(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (!isJsonObject(metadata)) throw new RemoteError('malformed');
  if (metadata.issuer !== issuer) throw new RemoteError('issuer');
  if (typeof metadata.jwks_uri !== 'string') throw new RemoteError('malformed');
  return metadata.jwks_uri;
}
