import { CompactEncrypt, errors } from 'jose';
import { expect, test } from 'vitest';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { isSealedUnder, type Purpose, seal, unseal } from '../../src/keys/sealing.ts';
import { Redacted } from '../../src/log/redacted.ts';
import { ConfigurationError } from '../../src/platform/config.ts';

const [one, other] = [1, 2].map((byte) => new Redacted(new Uint8Array(32).fill(byte))) as [
  Redacted<Uint8Array<ArrayBuffer>>,
  Redacted<Uint8Array<ArrayBuffer>>,
];
const masterKeys = await deriveMasterKeys([one, other]);
const PURPOSES: readonly Purpose[] = ['signing-key', 'answer', 'retired-master-key'];
const VALUE = { d: 'secret' };

test.each(PURPOSES)('what was sealed as a %s is opened as that, and as nothing else', async (purpose) => {
  const sealed = await seal(VALUE, purpose, masterKeys);
  for (const asked of PURPOSES) {
    if (asked === purpose) expect(await unseal(sealed, asked, masterKeys)).toEqual(VALUE);
    else await expect(unseal(sealed, asked, masterKeys)).rejects.toThrow(errors.JWEInvalid);
  }
});

test('a purpose that was changed in the seal does not open it', async () => {
  const [header = '', ...others] = (await seal(VALUE, 'answer', masterKeys)).split('.');
  const forged = btoa(atob(header).replace('"answer"', '"signing-key"')).replaceAll('=', '');
  expect(forged).not.toBe(header);
  await expect(unseal([forged, ...others].join('.'), 'signing-key', masterKeys)).rejects.toThrow(errors.JOSEError);
});

test('a seal of an older version, which gave no purpose, is opened still', async () => {
  const [{ id, sealing }] = masterKeys;
  const sealed = await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(VALUE)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id })
    .encrypt(sealing);
  expect(await unseal(sealed, 'signing-key', masterKeys)).toEqual(VALUE);
});

test('the first master key seals, any that is set opens, and another is asked for', async () => {
  const sealed = await seal(VALUE, 'answer', masterKeys);
  expect(masterKeys.map((key) => isSealedUnder(sealed, key))).toEqual([true, false]);
  expect(await unseal(sealed, 'answer', await deriveMasterKeys([other, one]))).toEqual(VALUE);
  await expect(unseal(sealed, 'answer', await deriveMasterKeys([other]))).rejects.toThrow(ConfigurationError);
});
