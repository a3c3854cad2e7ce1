import { base64url } from 'jose';

/** Returns the SHA-256 digest of bytes, or of a text in UTF-8, in base64url. */
export async function sha256(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}
