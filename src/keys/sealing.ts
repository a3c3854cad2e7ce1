import { CompactEncrypt, compactDecrypt } from 'jose';
import { ConfigurationError } from '../config.ts';
import type { MasterKeys } from '../credentials/master-key.ts';

/**
 * Seals a JSON value for rest: a compact JWE ([RFC 7516](https://www.rfc-editor.org/rfc/rfc7516)) under the current master key, whose
 * id stands in its `kid`.
 */
export function seal(value: unknown, masterKeys: MasterKeys): Promise<string> {
  const [{ id, sealing }] = masterKeys;
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id })
    .encrypt(sealing);
}

/**
 * Opens what was sealed.
 * @throws ConfigurationError where no accepted master key made the seal; JWEDecryptionFailed where the text is not as it was sealed
 */
export async function unseal<T>(sealed: string, masterKeys: MasterKeys): Promise<T> {
  const { plaintext } = await compactDecrypt(
    sealed,
    ({ kid }) => {
      const key = masterKeys.find(({ id }) => id === kid);
      if (!key)
        throw new ConfigurationError(
          'Something was sealed under a MASTER_KEY that is no longer accepted: add that one again.',
        );
      return key.sealing;
    },
    { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
  );
  return JSON.parse(new TextDecoder().decode(plaintext)) as T;
}
