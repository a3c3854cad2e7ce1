import type { Parameters } from '../request/parameters.ts';
import type { SecretCredential } from './credential.ts';

/**
 * Reads `client_secret_post` credentials ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
 * @returns undefined where there is no secret, or no client_id with it
 */
export function readPost(parameters: Parameters): SecretCredential | undefined {
  const clientId = parameters.get('client_id');
  const secret = parameters.secret('client_secret');
  return clientId !== undefined && secret !== undefined ? { kind: 'secret', clientId, secret } : undefined;
}
