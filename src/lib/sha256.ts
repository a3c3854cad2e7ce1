import { base64url } from 'jose';

/** Returns the SHA-256 digest of bytes, or of a text in UTF-8, in base64url. */
export async function sha256(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  return base64url.encode(await sha256Bytes(data));
}

/** Returns the SHA-256 digest of bytes, or of a text in UTF-8: 32 bytes. */
export async function sha256Bytes(data: Uint8Array<ArrayBuffer> | string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
