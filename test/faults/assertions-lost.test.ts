import { beforeAll, describe, expect, test } from 'vitest';
import { requestToken, world } from '../http.ts';
import { type Fault, failing, startNewIsolate, withFault } from '../instruments.ts';
import { ask, askWith, assertionOf, JWT_BEARER, keyClient, keyWorld, proofOf } from '../machines.ts';
import { readError } from '../oauth/answers.ts';
import { newSigner } from '../remote-keys/signers.ts';

// A call to the gate, or its answer, is lost on the way. The client whose assertion the call spent has done nothing wrong.

let scene: Awaited<ReturnType<typeof keyWorld>>;

beforeAll(async () => {
  scene = await keyWorld('lost-answers', { rate_limit: { per_minute: 100_000, burst: 10_000 } });
  await askWith(await assertionOf(scene.clientId, scene.signer));
});

const newAssertion = () => assertionOf(scene.clientId, scene.signer);
const lost = (retryable: boolean) => Object.assign(new Error('Network connection lost.'), { retryable });

/** Lets the gate do its work, but loses its first answers. */
function losingAnswers(count: number, retryable: boolean): Fault {
  let left = count;
  return async (call) => {
    const answer = await call();
    if (left-- > 0) throw lost(retryable);
    return answer;
  };
}

/** Loses the first calls before they reach the gate. */
function losingCalls(count: number): Fault {
  let left = count;
  return (call) => (left-- > 0 ? Promise.reject(lost(true)) : call());
}

const UNAVAILABLE = { status: 503, error: 'temporarily_unavailable' };
const REFUSED = { status: 401, error: 'invalid_client' };

const paths = ['token', 'introspect', 'revoke'] as const;
const send = (path: string, client_assertion: string) =>
  ask(
    { client_assertion_type: JWT_BEARER, client_assertion, grant_type: 'client_credentials', token: 'x' },
    { path: `/oauth2/${path}` },
  );

describe.each(paths)('at the %s endpoint', (path) => {
  test('an answer that is lost after the assertion was spent is told as that, and never as a wrong credential', async () => {
    const assertion = await newAssertion();
    const response = await withFault('gate', losingAnswers(1, true), () => send(path, assertion));
    expect(response.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
    expect(await readError(response)).toEqual(UNAVAILABLE);
    // The next requests show what happened: this assertion is spent, and a new one works.
    expect(await readError(await send(path, assertion))).toEqual(REFUSED);
    expect((await send(path, await newAssertion())).status).toBe(200);
  });

  test('so is one that the runtime does not call worth repeating', async () => {
    const assertion = await newAssertion();
    const response = await withFault('gate', losingAnswers(1, false), () => send(path, assertion));
    expect(await readError(response)).toEqual(UNAVAILABLE);
  });

  test('a call that never reached the gate is repeated, and the assertion serves', async () => {
    const assertion = await newAssertion();
    const response = await withFault('gate', losingCalls(1), () => send(path, assertion));
    expect(response.status).toBe(200);
  });

  test('an assertion that did not reach the gate at all may come again', async () => {
    const assertion = await newAssertion();
    expect(await readError(await failing('gate', () => send(path, assertion)))).toEqual(UNAVAILABLE);
    expect((await send(path, assertion)).status).toBe(200);
  });

  test('one that was used before is refused, though an answer is lost', async () => {
    const assertion = await newAssertion();
    expect((await send(path, assertion)).status).toBe(200);
    startNewIsolate();
    const response = await withFault('gate', losingCalls(1), () => send(path, assertion));
    expect([401, 503]).toContain(response.status);
    expect(await readError(await send(path, assertion))).toEqual(REFUSED);
  });
});

test('of 50 at once one is spent, and whether its answer arrives or not there is no second token', async () => {
  for (let round = 0; round < 10; round++) {
    const assertion = await newAssertion();
    const answers = await withFault('gate', losingAnswers(round * 6, round % 2 === 0), () =>
      Promise.all(Array.from({ length: 50 }, () => askWith(assertion))),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(1);
    expect(statuses.every((status) => [200, 401, 503].includes(status))).toBe(true);
    expect((await askWith(assertion)).status).toBe(401);
  }
});

describe('a DPoP proof that was spent by a call whose answer is lost is told as that, and not as invalid', () => {
  test('beside an assertion', async () => {
    const [assertion, dpop] = [await newAssertion(), await proofOf(await newSigner('ES256'))];
    const response = await withFault('gate', losingAnswers(1, true), () => askWith(assertion, {}, { dpop }));
    expect(await readError(response)).toEqual(UNAVAILABLE);
  });

  test('beside a secret', async () => {
    const holder = await newSigner('ES256');
    const { worker } = await world('lost-with-secret');
    const form = { grant_type: 'client_credentials', ...worker };
    expect((await ask(form, { dpop: await proofOf(holder) })).status).toBe(200);
    const dpop = await proofOf(holder);
    const response = await withFault('gate', losingAnswers(1, true), () => ask(form, { dpop }));
    expect(await readError(response)).toEqual(UNAVAILABLE);
    expect(await readError(await ask(form, { dpop }))).toEqual({ status: 400, error: 'invalid_dpop_proof' });
  });
});

describe('a store that is gone', () => {
  test('D1: a client that has been seen goes on getting tokens', async () => {
    await failing('d1', async () => {
      expect((await askWith(await newAssertion())).status).toBe(200);
    });
  });

  test('D1, for a client whose gate has never loaded it: 503, and the assertion is not spent', async () => {
    const signer = await newSigner('ES256');
    const clientId = await keyClient(scene, 'never seen', [signer.publicJwk]);
    const assertion = await assertionOf(clientId, signer);
    expect(await readError(await failing('d1', () => askWith(assertion)))).toEqual(UNAVAILABLE);
    expect((await askWith(assertion)).status).toBe(200);
  });

  test('the gate, while the isolate learns how the client authenticates: 503, and the assertion is not spent', async () => {
    const assertion = await newAssertion();
    startNewIsolate();
    const onlyLearning: Fault = (call, method) => (method === 'credentials' ? Promise.reject(lost(false)) : call());
    expect(await readError(await withFault('gate', onlyLearning, () => askWith(assertion)))).toEqual(UNAVAILABLE);
    expect((await askWith(assertion)).status).toBe(200);
  });

  test('another client’s gate: nothing', async () => {
    await failing(`gate:${scene.api.client_id}`, async () => {
      expect((await askWith(await newAssertion())).status).toBe(200);
      expect((await requestToken(scene.api)).status).toBe(503);
    });
  });
});
