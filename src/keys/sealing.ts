import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from 'jose';
import type { MasterKeys } from '../credentials/master-key.ts';
import { ConfigurationError } from '../platform/config.ts';

/** What a seal is for. It is part of the seal, so that what was sealed for one purpose is never taken for another's. */
export type Purpose = 'signing-key' | 'answer' | 'retired-master-key';

/**
 * Seals a JSON value for rest: a compact JWE ([RFC 7516](https://www.rfc-editor.org/rfc/rfc7516)) under the current master key, whose
 * id stands in its `kid`, as its purpose stands in its `typ`.
 */
export function seal(value: unknown, purpose: Purpose, masterKeys: MasterKeys): Promise<string> {
  const [{ id, sealing }] = masterKeys;
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id, typ: purpose })
    .encrypt(sealing);
}

/**
 * Opens what was sealed.
 * @throws ConfigurationError where no master key that is set made the seal; a JOSEError where the text is not as it was sealed, or was
 * sealed for another purpose
 */
export async function unseal<T>(sealed: string, purpose: Purpose, masterKeys: MasterKeys): Promise<T> {
  const { plaintext } = await compactDecrypt(
    sealed,
    ({ kid, typ }) => {
      // Code of an older version gave no purpose.
      if (typ !== undefined && typ !== purpose) throw new errors.JWEInvalid(`not sealed as a ${purpose}`);
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

/** Whether a master key made the seal. */
export function isSealedUnder(sealed: string, { id }: Pick<MasterKeys[0], 'id'>): boolean {
  return decodeProtectedHeader(sealed).kid === id;
}
