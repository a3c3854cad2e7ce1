import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { calls, resetCalls } from '../../instruments.ts';
import { askWith, assertionOf, keyWorld, proofOf } from '../../machines.ts';
import { newSigner } from '../../remote-keys/signers.ts';

test('a client gets a token with an assertion that its registered key signed', async () => {
  const { signer, clientId } = await keyWorld('key');
  const response = await askWith(await assertionOf(clientId, signer));
  expect(await response.json()).toMatchObject({ token_type: 'Bearer', scope: 'read write' });
});

test('a warm one makes one gate call, and asks no other store', async () => {
  const { signer, clientId } = await keyWorld('warm');
  await askWith(await assertionOf(clientId, signer));
  const assertion = await assertionOf(clientId, signer);
  resetCalls();
  expect((await askWith(assertion)).status).toBe(200);
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
});

test('an assertion is good for one token', async () => {
  const { signer, clientId } = await keyWorld('once');
  const assertion = await assertionOf(clientId, signer);
  expect((await askWith(assertion)).status).toBe(200);
  expect((await askWith(assertion)).status).toBe(401);
});

test('a token is bound to the key of a DPoP proof', async () => {
  const { signer, clientId } = await keyWorld('dpop');
  const holder = await newSigner('ES256');
  const response = await askWith(await assertionOf(clientId, signer), {}, { dpop: await proofOf(holder) });
  const { access_token, token_type } = await response.json<{ access_token: string; token_type: string }>();
  expect(token_type).toBe('DPoP');
  expect(decodeJwt(access_token).cnf).toEqual({ jkt: expect.any(String) });
});
