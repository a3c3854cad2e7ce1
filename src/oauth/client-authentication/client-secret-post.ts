import type { Parameters } from '../request/parameters.ts';
import type { SecretCredential } from './credential.ts';

/**
 * Reads `client_secret_post` credentials ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
 * @returns undefined if the secret or the client_id is missing
 */
export function readPost(parameters: Parameters): SecretCredential | undefined {
  const clientId = parameters.get('client_id');
  const secret = parameters.secret('client_secret');
  return clientId !== undefined && secret !== undefined ? { kind: 'secret', clientId, secrets: [secret] } : undefined;
}
