import { readFile } from 'node:fs/promises';

/**
 * Returns a function that reads a token from a file, anew for each token request, because platforms replace the file
 * ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)).
 * @example
 * const client = { id, token: fileToken(process.env.AWS_WEB_IDENTITY_TOKEN_FILE) };
 */
export function fileToken(path: string | URL): () => Promise<string> {
  return async () => (await readFile(path, 'utf8')).trim();
}

/**
 * Returns a function that reads the projected service account token of a pod
 * ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)). The kubelet replaces the file long before the token expires.
 * @param path the file of the projected volume; its `audience` must be what the server expects
 * @example
 * const client = { id, token: kubernetes() };
 */
export function kubernetes(path: string | URL = '/var/run/secrets/edgemint/token'): () => Promise<string> {
  return fileToken(path);
}

/**
 * Returns a function that reads the JWT-SVID that `spiffe-helper` keeps in a file
 * ([JWT-SVID](https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md)).
 * @param path its `jwt_svid_file_name`
 * @example
 * const client = { id, token: spiffe('/run/spiffe/jwt_svid.token') };
 */
export function spiffe(path: string | URL): () => Promise<string> {
  return fileToken(path);
}
