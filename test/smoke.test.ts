import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { done, getToken, ISSUER, introspect, requestToken, revoke, send, world } from './http.ts';

// The main flow of the product, in the real runtime. `npm run test:fast` runs this file and the unit tests.

test('a client gets a token; it is verified by the JWKS, introspected and revoked; a disabled client gets none', async () => {
  const { identifier, worker, api } = await world('smoke');
  const { access_token: token, scope } = await getToken(worker);
  expect(scope).toBe('read write');

  const keys = createLocalJWKSet(await (await send('/.well-known/jwks.json')).json<JSONWebKeySet>());
  const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: identifier, typ: 'at+jwt' });
  expect(payload).toMatchObject({ client_id: worker.client_id, scope: 'read write' });

  const answer = async () => (await introspect(api, token)).json<{ active: boolean }>();
  expect(await answer()).toMatchObject({ active: true, client_id: worker.client_id, aud: identifier });
  expect((await revoke(worker, token)).status).toBe(200);
  expect(await answer()).toEqual({ active: false });

  await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
  expect((await requestToken(worker)).status).toBe(401);
});
