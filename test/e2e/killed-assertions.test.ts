import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { machineKey } from '../bench/signing.ts';
import { EdgemintApart } from '../harness/apart.ts';
import { ROOT_API_KEY } from '../harness/edgemint.ts';
import { type RegisteredClient, register } from '../interop/management.ts';
import { sized } from '../size.ts';

const KILLS = sized({ small: 2, soak: 8 });
const AT_ONCE = 20;
/** The least number of tokens before each kill. A random number is added. */
const TOKENS = 100;

let edgemint: EdgemintApart;

beforeAll(async () => {
  edgemint = await EdgemintApart.prepare();
});

afterAll(() => edgemint?.remove());

async function toKey({ client_id }: RegisteredClient, key: Awaited<ReturnType<typeof machineKey>>): Promise<void> {
  const body = JSON.stringify({
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.publicJwk] },
    rate_limit: { per_minute: 1_000_000, burst: 1_000_000 },
  });
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${ROOT_API_KEY}` };
  const changed = await fetch(`${edgemint.issuer}/v1/clients/${client_id}`, { method: 'PATCH', headers, body });
  expect(changed.status).toBe(200);
}

/** Returns the status of a token request, or undefined if there was no answer. */
async function use(client_assertion: string): Promise<number | undefined> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion,
  });
  const answer = await fetch(`${edgemint.issuer}/oauth2/token`, { method: 'POST', body }).catch(() => undefined);
  return answer?.status;
}

/** Uses an assertion again, and repeats while the answer is 503, as on a machine that stalls, for a minute at most. */
async function useAgain(assertion: string): Promise<number | undefined> {
  let status = await use(assertion);
  for (let repeat = 0; status === 503 && repeat < 120; repeat++) {
    await setTimeout(500);
    status = await use(assertion);
  }
  return status;
}

test('a server that is killed again and again takes no assertion that it gave a token for', {
  timeout: 600_000,
}, async () => {
  await edgemint.start();
  const { machine } = await register({ issuer: edgemint.issuer, rootApiKey: ROOT_API_KEY });
  const key = await machineKey();
  await toKey(machine, key);
  let answered = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    const used: string[] = [];
    let isKilled = false;
    const { promise: enough, resolve: haveEnough } = Promise.withResolvers<void>();
    const wanted = TOKENS + Math.floor(Math.random() * AT_ONCE);
    const inTurn = async () => {
      while (!isKilled) {
        const assertion = await key.assertion(machine.client_id, edgemint.issuer);
        const status = await use(assertion);
        if (status === 200) used.push(assertion);
        // 503 is allowed: on a machine that stalls, a call to the gate may exceed its deadline.
        else if (status !== 503) expect(isKilled, `an answer of ${status}`).toBe(true);
        if (used.length >= wanted) haveEnough();
      }
    };
    const asking = Promise.all(Array.from({ length: AT_ONCE }, inTurn));
    await Promise.race([enough, asking]);
    isKilled = true;
    await edgemint.kill();
    await asking;
    await edgemint.start();
    answered += used.length;
    const again = await Promise.all(used.slice(-200).map(useAgain));
    expect(new Set(again), `after kill ${kill}`).toEqual(new Set([401]));
  }
  console.log(`${answered} tokens before ${KILLS} kills`);
});
