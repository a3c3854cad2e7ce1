import { expect, test } from 'vitest';
import { CLIENT_ID_LENGTH_MAX } from '../../../src/constants.ts';
import { ATTEMPTS_PER_ADDRESS } from '../../../src/gates/constants.ts';
import { AUTHENTICATION_AGE } from '../../../src/oauth/constants.ts';
import { basic, done, manage, postForm, world } from '../../http.ts';
import { calls, failing, resetCalls, startNewIsolate } from '../../instruments.ts';
import { askWith, assertionOf, keyWorld } from '../../machines.ts';
import { asked, publish } from '../../remote.ts';
import { newSigner } from '../../remote-keys/signers.ts';

/** Sends requests one after the other, and counts the answers by status. */
async function statusesOf(times: number, ask: () => Promise<Response>): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  for (let time = 0; time < times; time++) {
    const { status } = await ask();
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  return statuses;
}

const begun = Date.now();
/** The most gate calls that may have been made so far: one every `AUTHENTICATION_AGE` seconds. */
const nowAndThen = () => Math.ceil((Date.now() - begun) / 1000 / AUTHENTICATION_AGE) + 1;

test('a stranger who names a client whose keys cannot be had is held back, and asks nobody', async () => {
  const host = 'keys.held-back.example';
  await publish(host, '/jwks', { status: 500 });
  const { clientId } = await keyWorld('unreachable', { jwks: undefined, jwks_uri: `https://${host}/jwks` });
  const stranger = await newSigner('ES256', { kid: 'mine' });
  resetCalls();
  const statuses = await statusesOf(100, async () =>
    askWith(await assertionOf(clientId, stranger), {}, { address: '203.0.113.9' }),
  );
  expect(statuses[503]).toBeGreaterThan(0);
  expect(statuses[429]).toBeGreaterThan(50);
  expect(calls.gate).toBeLessThanOrEqual(ATTEMPTS_PER_ADDRESS + 1 + nowAndThen());
  expect(await asked(host, '/jwks')).toBeLessThan(10);
});

test('the holder of the key of a disabled client is held back', async () => {
  const { signer, clientId } = await keyWorld('disabled');
  expect((await askWith(await assertionOf(clientId, signer))).status).toBe(200);
  await done('PATCH', `clients/${clientId}`, { body: { status: 'disabled' } });
  const statuses = await statusesOf(60, async () =>
    askWith(await assertionOf(clientId, signer), {}, { address: '203.0.113.11' }),
  );
  expect(statuses[200]).toBeUndefined();
  expect(statuses[429]).toBeGreaterThan(20);
  await done('PATCH', `clients/${clientId}`, { body: { status: 'active' } });
  expect((await askWith(await assertionOf(clientId, signer), {}, { address: '203.0.113.11' })).status).toBe(200);
});

test('an assertion that was used is refused without its gate from then on', async () => {
  const { signer, clientId } = await keyWorld('used');
  const assertion = await assertionOf(clientId, signer);
  expect(await statusesOf(2, () => askWith(assertion))).toEqual({ 200: 1, 401: 1 });
  resetCalls();
  expect(await statusesOf(20, () => askWith(assertion))).toEqual({ 401: 20 });
  expect(calls.gate).toBe(0);
});

test('what is known of a client is kept where the gate says the same again, and what did not fit it is not tried twice', async () => {
  const { signer, clientId } = await keyWorld('the-same');
  expect((await askWith(await assertionOf(clientId, signer))).status).toBe(200);
  const stranger = await newSigner('ES256', { kid: 'first' });
  resetCalls();
  expect((await askWith(await assertionOf(clientId, stranger))).status).toBe(401);
  expect(calls).toMatchObject({ gate: 1, d1: 0 });
});

test('an id that is longer than any is refused as any other, and costs no store', async () => {
  const { worker } = await world('long-ids');
  const long = 'x'.repeat(CLIENT_ID_LENGTH_MAX + 1);
  resetCalls();
  const signer = await newSigner('ES256');
  const invented = () => long + crypto.randomUUID();
  const from = (address: string) => ({ address });
  const limited = { 401: ATTEMPTS_PER_ADDRESS, 429: 30 - ATTEMPTS_PER_ADDRESS };
  expect(
    await statusesOf(30, async () => askWith(await assertionOf(invented(), signer), {}, from('203.0.113.21'))),
  ).toEqual(limited);
  const form = { grant_type: 'client_credentials' };
  const headers = () => ({ Authorization: basic(invented(), worker.client_secret) });
  expect(
    await statusesOf(30, () => postForm('/oauth2/token', form, { headers: headers(), ...from('203.0.113.22') })),
  ).toEqual(limited);
  expect(calls).toMatchObject({ d1: 0, kv: 0, gate: 0 });
});

test('an id that names an organization in tokens cannot be brought along', async () => {
  const { organization } = await world('namesake');
  const client = { organization_id: organization, client_name: 'namesake', client_secret: 'q8Zr3vT1xW9yB5nM7kL2pD4s' };
  const { status } = await manage('clients', { ...client, client_id: organization });
  expect(status).toBe(422);
});

test('a new isolate that cannot ask the gate says so, and refuses nobody', async () => {
  const { signer, clientId } = await keyWorld('no-gate');
  startNewIsolate();
  const assertion = await assertionOf(clientId, signer);
  const response = await failing('gate', () => askWith(assertion));
  expect(response.status).toBe(503);
  expect(response.headers.get('Retry-After')).not.toBeNull();
  expect((await askWith(assertion)).status).toBe(200);
});
