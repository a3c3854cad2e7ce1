import { Failure } from '../failure.ts';
import { exchange, readJson } from './http.ts';
import type { Terminal } from './terminal.ts';

/**
 * Returns the issuer of a server, as its tokens name it. It may end with a slash, which the URL of a connection never does.
 * @param url the URL of the connection
 * @throws Failure if the server has no metadata
 */
export async function findIssuer(url: string, terminal: Terminal): Promise<string> {
  const target = new URL(`${url}/.well-known/openid-configuration`);
  const { response } = await exchange(target, {}, terminal);
  const { issuer } = Object(response.ok ? await readJson(response) : undefined);
  if (typeof issuer === 'string') return issuer;
  throw new Failure(`${target} has no metadata with an issuer (${response.status}). Is ${url} the URL of an Edgemint?`);
}
