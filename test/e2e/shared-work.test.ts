import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JSONWebKeySet } from 'jose';
import { afterEach, expect, test } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import {
  ATTEMPTS_PER_ADDRESS,
  ATTEMPTS_PER_SUBJECT,
  LOOK_UP_INTERVAL_MS,
  LOOK_UPS_PER_QUERY,
} from '../../src/gates/constants.ts';
import { measure } from '../bench/load.ts';
import { type MachineKey, machineKey } from '../bench/signing.ts';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { type RegisteredClient, register } from '../interop/management.ts';

// In the runtime, pending work belongs to the request that started it. In these tests requests share work whose starter may have hung up.

let edgemint: RunningEdgemint;

afterEach(() => edgemint?.stop());

/** Sends a request and hangs up after so many milliseconds, whether it was answered or not. */
async function abandon(
  path: string,
  form: Record<string, string> | undefined,
  after: number,
  headers: Record<string, string> = {},
): Promise<void> {
  const options = form
    ? { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers } }
    : { method: 'GET' };
  const abandoned = request(`${edgemint.issuer}${path}`, options);
  abandoned.on('error', () => undefined);
  abandoned.on('response', (response) => response.resume());
  abandoned.end(form && new URLSearchParams(form).toString());
  await sleep(after);
  // Only a reset tells the runtime that nobody waits any more. If the connection is just closed, the request goes on.
  abandoned.socket?.resetAndDestroy();
}

function postForm(path: string, form: Record<string, string>, headers = {}): Promise<Response> {
  const signal = AbortSignal.timeout(150_000);
  return fetch(`${edgemint.issuer}${path}`, { method: 'POST', headers, body: new URLSearchParams(form), signal });
}

function credentials({ client_id, client_secret }: RegisteredClient) {
  return { client_id, client_secret };
}

test('who shares the making of the first keys gets them, though the request that began it hung up', async () => {
  edgemint = await startEdgemint();
  const first = abandon('/.well-known/jwks.json', undefined, 30);
  await sleep(20);
  const others = Array.from({ length: 10 }, () => fetch(`${edgemint.issuer}/.well-known/jwks.json`));
  await first;
  for (const answer of await Promise.all(others)) {
    expect(((await answer.json()) as JSONWebKeySet).keys).toHaveLength(6);
  }
});

test('introspections that share a gate call are answered, though hundreds of others hang up', async () => {
  edgemint = await startEdgemint();
  const { machine, api } = await register(edgemint);
  const granted = await postForm('/oauth2/token', { grant_type: 'client_credentials', ...credentials(machine) });
  const { access_token: token } = (await granted.json()) as { access_token: string };
  for (let round = 0; round < 10; round++) {
    const leaving = Array.from({ length: 40 }, (_, index) =>
      abandon('/oauth2/introspect', { token, ...credentials(api) }, (index * 7 + round) % 20),
    );
    const staying = Array.from({ length: 10 }, () => postForm('/oauth2/introspect', { token, ...credentials(api) }));
    for (const answer of await Promise.all(staying)) expect(await answer.json()).toMatchObject({ active: true });
    await Promise.all(leaving);
  }
});

test('a new isolate learns about a client once for all who come with its assertions, though hundreds of them hang up', async () => {
  edgemint = await startEdgemint();
  const key = await machineKey();
  const body = JSON.stringify({
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.publicJwk] },
    rate_limit: { per_minute: 1_000_000, burst: 100_000 },
  });
  const { machine } = await register(edgemint);
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${edgemint.rootApiKey}` };
  const changed = await fetch(`${edgemint.issuer}/v1/clients/${machine.client_id}`, { method: 'PATCH', headers, body });
  expect(changed.status).toBe(200);
  const form = async (signer: MachineKey) => ({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await signer.assertion(machine.client_id, edgemint.issuer),
  });
  const stranger = await machineKey();
  for (let round = 0; round < 10; round++) {
    // An assertion with an unknown key makes the isolate ask the gate again, and other requests then wait for that call.
    const strangers = await Promise.all(Array.from({ length: 10 }, () => form(stranger)));
    const forms = await Promise.all(Array.from({ length: 40 }, () => form(key)));
    const leaving = [...strangers, ...forms.slice(10)].map((one, index) =>
      abandon('/oauth2/token', one, (index * 7 + round) % 20),
    );
    const staying = forms.slice(0, 10).map((one) => postForm('/oauth2/token', one));
    for (const answer of await Promise.all(staying)) expect(answer.status).toBe(200);
    await Promise.all(leaving);
  }
});

test('kept-alive connections that introspect about one client without pause are all answered', async () => {
  edgemint = await startEdgemint();
  const { machine, api } = await register(edgemint);
  const granted = await postForm('/oauth2/token', { grant_type: 'client_credentials', ...credentials(machine) });
  const { access_token: token } = (await granted.json()) as { access_token: string };
  const target = { url: `${edgemint.issuer}/oauth2/introspect`, headers: {}, form: { token, ...credentials(api) } };
  const { errors, requestsPerSecond } = await measure(target, 32, 3);
  expect(errors).toBe(0);
  expect(requestsPerSecond).toBeGreaterThan(0);
});

/** Delays each token request at its client's gate, so that callers can hang up during the call. */
const SLOW_GATE = `
import worker, { ClientGate as Gate } from './index.js';
export class ClientGate extends Gate {
  async admit(request) {
    await scheduler.wait(1500);
    return super.admit(request);
  }
}
export default worker;
`;

const from = (number: number) => ({ 'CF-Connecting-IP': `192.0.2.${number}` });
const guess = (client_id: string) => ({ grant_type: 'client_credentials', client_id, client_secret: 'x'.repeat(32) });

test('guesses whose callers hang up count as failed, and do not keep the client from its token', async () => {
  edgemint = await startEdgemint({ entry: SLOW_GATE });
  const { machine } = await register(edgemint);
  const wrong = { ...guess(machine.client_id), client_secret: generateSecret('ems_') };
  await Promise.all(
    Array.from({ length: ATTEMPTS_PER_SUBJECT }, (_, index) =>
      abandon('/oauth2/token', wrong, 1000, from(index % (ATTEMPTS_PER_SUBJECT / ATTEMPTS_PER_ADDRESS))),
    ),
  );
  const right = { grant_type: 'client_credentials', ...credentials(machine) };
  expect((await postForm('/oauth2/token', right, from(200))).status).toBe(200);
  expect((await postForm('/oauth2/token', wrong, from(0))).status).toBe(429);
});

/** Delays each look-up of ids. */
const SLOW_LOOK_UPS = `
import worker from './index.js';
export { ClientGate } from './index.js';
const limit = () => scheduler.wait(1500).then(() => ({ success: true }));
let slow;
export default {
  fetch: (request, env, ctx) => worker.fetch(request, (slow ??= { ...env, CLIENT_LOOK_UPS: { limit } }), ctx),
};
`;

test('look-ups whose callers hang up count like others, and do not make the next one wait', async () => {
  edgemint = await startEdgemint({ entry: SLOW_LOOK_UPS });
  const leaving = Array.from({ length: ATTEMPTS_PER_ADDRESS }, (_, index) =>
    abandon('/oauth2/token', guess(`leaving-${index}`), 1000, from(1)),
  );
  await Promise.all(leaving);
  expect((await postForm('/oauth2/token', guess('later'), from(1))).status).toBe(429);
});

test('ids are looked up again after all requests that filled the next query hung up', async () => {
  edgemint = await startEdgemint();
  const { registerMachine } = await register(edgemint);
  await registerMachine({ client_id: 'imported', client_secret: 'q8Zr3vT1xW9yB5nM7kL2pD4sH6jF0gC1' });
  for (let round = 0; round < 3; round++) {
    // The next query begins a quarter of a second after this one.
    expect((await postForm('/oauth2/token', guess(`first-${round}`), from(201))).status).toBe(401);
    const leaving = Array.from({ length: 2 * LOOK_UPS_PER_QUERY }, (_, index) =>
      abandon('/oauth2/token', guess(`leaving-${round}-${index}`), 150, from(index)),
    );
    await Promise.all(leaving);
    await sleep(LOOK_UP_INTERVAL_MS);
    expect((await postForm('/oauth2/token', guess(`later-${round}`), from(202))).status).toBe(401);
  }
});
