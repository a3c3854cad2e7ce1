/** Returns the SHA-256 of a text in UTF-8, or of bytes. */
export async function sha256(content: string | Uint8Array): Promise<Uint8Array> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

interface NodeCrypto {
  hash?(algorithm: string, data: string, encoding: 'buffer'): Uint8Array;
}

// WebCrypto hashes in another thread, which takes longer than the hash itself. As a member of `process`, so that no bundler looks for it.
const nodeHash = (
  globalThis as { process?: { getBuiltinModule?(name: string): NodeCrypto | undefined } }
).process?.getBuiltinModule?.('node:crypto')?.hash;

/** Returns the SHA-256 of a short text, at once if the runtime can do that. */
export function shortSha256(text: string): Uint8Array | Promise<Uint8Array> {
  return nodeHash ? nodeHash('sha256', text, 'buffer') : sha256(text);
}
