import { decodeUtf8 } from '../../lib/utf8.ts';
import { Redacted } from '../../log/redacted.ts';
import { decodeForm } from '../request/parameters.ts';
import type { SecretCredential } from './credential.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant.
const ASCII = /^[\x00-\x7f]*$/;
const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * Reads `client_secret_basic` credentials ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)). By the RFC the
 * id and the secret are each form-encoded before they are joined. curl and many libraries join them as they are, so a secret with `%` or
 * `+` has two readings. An id has one: no client's id contains these characters (see `isImportableId`).
 * @returns undefined if the header is anything else
 */
export function readBasic(authorization: string): SecretCredential | undefined {
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const decoded = decodeBase64(encoded);
  const colon = decoded?.indexOf(':') ?? -1;
  if (decoded === undefined || colon < 0) return undefined;
  const clientId = decodeForm(decoded.slice(0, colon));
  const secrets = readings(decoded.slice(colon + 1));
  return clientId && secrets ? { kind: 'secret', clientId, secrets } : undefined;
}

/** Returns the readings of a secret: form-decoded, unless it is not form-encoded, and as it is. */
function readings(text: string): SecretCredential['secrets'] | undefined {
  if (text === '') return undefined;
  const decoded = decodeForm(text);
  const asIs = new Redacted(text);
  return decoded === undefined || decoded === text ? [asIs] : [new Redacted(decoded), asIs];
}

function decodeBase64(text: string): string | undefined {
  try {
    const bytes = atob(text);
    // Almost always. Then the bytes are the characters, and a second decoder would cost more than the rest of this function.
    return ASCII.test(bytes) ? bytes : decodeUtf8(Uint8Array.fromBase64(text));
  } catch {
    return undefined;
  }
}
