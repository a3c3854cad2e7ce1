import { decodeUtf8 } from '../../lib/utf8.ts';
import { Redacted } from '../../log/redacted.ts';
import { decodeForm } from '../request/parameters.ts';
import type { SecretCredential } from './credential.ts';

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * Reads `client_secret_basic` credentials ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)). The id and the
 * secret are each form-encoded before they are joined; clients do that in practice.
 * @returns undefined if the header is anything else
 */
export function readBasic(authorization: string): SecretCredential | undefined {
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const decoded = decodeBase64(encoded);
  const colon = decoded?.indexOf(':') ?? -1;
  if (decoded === undefined || colon < 0) return undefined;
  const clientId = decodeForm(decoded.slice(0, colon));
  const secret = decodeForm(decoded.slice(colon + 1));
  return clientId && secret ? { kind: 'secret', clientId, secret: new Redacted(secret) } : undefined;
}

function decodeBase64(text: string): string | undefined {
  try {
    return decodeUtf8(Uint8Array.fromBase64(text));
  } catch {
    return undefined;
  }
}
