import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from 'jose';
import type { MasterKeys } from '../credentials/master-key.ts';
import { ConfigurationError } from '../platform/config.ts';

/** The purpose of a sealed value. It is authenticated, so that a value sealed for one purpose is never accepted for another. */
export type Purpose = 'signing-key' | 'answer' | 'retired-master-key' | 'webhook-secrets';

/**
 * Encrypts a JSON value for storage as a compact JWE ([RFC 7516](https://www.rfc-editor.org/rfc/rfc7516)) under the current master key.
 * Its `kid` is the master key's id, and its `typ` is the purpose.
 */
export function seal(value: unknown, purpose: Purpose, masterKeys: MasterKeys): Promise<string> {
  const [{ id, sealing }] = masterKeys;
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id, typ: purpose })
    .encrypt(sealing);
}

/**
 * Decrypts a sealed value.
 * @throws ConfigurationError if no configured master key sealed it; JOSEError if it was altered, or sealed for another purpose
 */
export async function unseal<T>(sealed: string, purpose: Purpose, masterKeys: MasterKeys): Promise<T> {
  const { plaintext } = await compactDecrypt(
    sealed,
    ({ kid, typ }) => {
      // Older versions sealed without a purpose.
      if (typ !== undefined && typ !== purpose) throw new errors.JWEInvalid(`not sealed as a ${purpose}`);
      const key = masterKeys.find(({ id }) => id === kid);
      if (!key) throw masterKeyMissing();
      return key.sealing;
    },
    { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
  );
  return JSON.parse(new TextDecoder().decode(plaintext)) as T;
}

/** Returns the error for a stored value that no configured master key can unseal. */
export function masterKeyMissing(): ConfigurationError {
  return new ConfigurationError(
    'A stored value is sealed under a MASTER_KEY that is no longer configured: add that key to MASTER_KEY again.',
  );
}

/** Whether a value is sealed under this master key. */
export function isSealedUnder(sealed: string, { id }: Pick<MasterKeys[0], 'id'>): boolean {
  return decodeProtectedHeader(sealed).kid === id;
}
