import { CLIENT_ID_LENGTH_MAX } from '../constants.ts';
import { ACTORS } from '../store/actors.ts';

/**
 * The client_ids that cannot be imported. One or two dots cannot end a URL path. The subject of a token may be an organization's id. Audit
 * events name actors by the other forms.
 */
export const RESERVED_ID = new RegExp(`^(?:emc_.*|key_.*|org_.*|${ACTORS.join('|')}|\\.\\.?)$`);
/** The characters of a client_id that may be imported. */
export const IMPORTABLE_ID = new RegExp(`^[!#-$&-*,-~]{1,${CLIENT_ID_LENGTH_MAX}}$`);

/**
 * Whether a client_id may be imported from another provider: 1 to `CLIENT_ID_LENGTH_MAX` visible ASCII characters, except those that
 * have a meaning in form encoding (`"`, `%`, `+`), and not in the form of a generated client_id, or of the id of an API key, an organization
 * or another actor. An id with a colon works in HTTP Basic only if the client form-encodes it ([RFC 6749 section
 * 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
 */
export function isImportableId(clientId: string): boolean {
  return IMPORTABLE_ID.test(clientId) && !RESERVED_ID.test(clientId);
}
