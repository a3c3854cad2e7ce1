// `ignoreBOM: true` keeps a byte order mark. A decoder that strips it would read two different texts as the same.
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8 and keeps a byte order mark. @throws TypeError if the bytes are not valid UTF-8 */
export function decodeUtf8(bytes: Uint8Array | ArrayBuffer): string {
  return STRICT.decode(bytes);
}
