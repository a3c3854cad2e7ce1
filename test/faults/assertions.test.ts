import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Fault, startNewIsolate, withFault } from '../instruments.ts';
import { ask, askWith, assertionOf, JWT_BEARER, keyWorld, proofOf } from '../machines.ts';
import { seeded } from '../random.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { sized } from '../size.ts';

// Sends one assertion, or one proof, in many requests at once. A seed determines how their calls to the gate overlap: how long each call
// and each answer takes, whether the isolate and the gate are cold, and when the gate is evicted.

// Each of eight tests runs this many seeds, so that no single test takes long.
const SEEDS = sized({ small: 4, soak: 25 });
const AT_ONCE = 100;
const LIMIT = { rate_limit: { per_minute: 1_000_000, burst: 100_000 } };

let scene: Awaited<ReturnType<typeof keyWorld>>;

beforeAll(async () => {
  scene = await keyWorld('one-token', LIMIT);
});

type Random = ReturnType<typeof seeded>;

const gate = () => env.CLIENT_GATE.getByName(scene.clientId);

/** Delays every call on its way to the gate and every answer on its way back, each by a random time. */
function wandering(random: Random): Fault {
  const longest = random.pick([0, 0, 2, 5]);
  return async (call) => {
    const [there, back] = [random.below(longest + 1), random.below(longest + 1)];
    if (there > 0) await scheduler.wait(there);
    const answer = await call();
    if (back > 0) await scheduler.wait(back);
    return answer;
  };
}

/** Sends the requests of one seed at once and returns the statuses of their answers. */
async function statusesOf(random: Random, requests: (() => Promise<Response>)[]): Promise<number[]> {
  if (random.below(5) === 0) startNewIsolate();
  const answers = await withFault('gate', wandering(random), () => Promise.all(requests.map((request) => request())));
  return answers.map(({ status }) => status);
}

const succeeded = (statuses: readonly number[]) => statuses.filter((status) => status === 200).length;

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  `one assertion in 100 requests at once: exactly one token each time, by the seeds from ${SEEDS} times %d`,
  async (part) => {
    for (let seed = part * SEEDS; seed < (part + 1) * SEEDS; seed++) {
      const random = seeded(seed);
      if (random.below(4) === 0) await evictDurableObject(gate()).catch(() => undefined);
      const assertion = await assertionOf(scene.clientId, scene.signer);
      const statuses = await statusesOf(
        random,
        Array.from({ length: AT_ONCE }, () => () => askWith(assertion)),
      );
      expect(succeeded(statuses), `seed ${seed}`).toBe(1);
      expect(new Set(statuses), `seed ${seed}`).toEqual(new Set([200, 401]));
    }
  },
);

test('the same at all endpoints together: one of them takes it', async () => {
  for (let seed = 0; seed < sized({ small: 5, soak: 20 }); seed++) {
    const random = seeded(1000 + seed);
    const client_assertion = await assertionOf(scene.clientId, scene.signer);
    const form = { client_assertion_type: JWT_BEARER, client_assertion, grant_type: 'client_credentials', token: 'x' };
    const paths = Array.from({ length: 40 }, () => random.pick(['token', 'introspect', 'revoke']));
    const statuses = await statusesOf(
      random,
      paths.map((path) => () => ask(form, { path: `/oauth2/${path}` })),
    );
    expect(succeeded(statuses), `seed ${seed}`).toBe(1);
    expect(new Set(statuses), `seed ${seed}`).toEqual(new Set([200, 401]));
  }
});

test('one DPoP proof in 100 requests at once, each with an assertion of its own: exactly one token each time', async () => {
  const holder = await newSigner('ES256');
  for (let seed = 0; seed < sized({ small: 3, soak: 10 }); seed++) {
    const dpop = await proofOf(holder);
    const assertions = Array.from({ length: AT_ONCE }, () => assertionOf(scene.clientId, scene.signer));
    const requests = (await Promise.all(assertions)).map((assertion) => () => askWith(assertion, {}, { dpop }));
    const statuses = await statusesOf(seeded(2000 + seed), requests);
    expect(succeeded(statuses), `seed ${seed}`).toBe(1);
    expect(new Set(statuses), `seed ${seed}`).toEqual(new Set([200, 400]));
  }
});

describe('a gate that is evicted', () => {
  test('between two uses remembers the first', async () => {
    for (let round = 0; round < 10; round++) {
      const assertion = await assertionOf(scene.clientId, scene.signer);
      const ask = () => askWith(assertion).then(({ status }) => status);
      const before = await Promise.all(Array.from({ length: 20 }, ask));
      await evictDurableObject(gate());
      startNewIsolate();
      const after = await Promise.all(Array.from({ length: 20 }, ask));
      expect([succeeded(before), succeeded(after)]).toEqual([1, 0]);
    }
  });

  test('in the midst of them gives no second token', async () => {
    let tokens = 0;
    for (let seed = 0; seed < 15; seed++) {
      const random = seeded(3000 + seed);
      const assertion = await assertionOf(scene.clientId, scene.signer);
      const evicting = scheduler.wait(random.below(20)).then(() => evictDurableObject(gate()).catch(() => undefined));
      const statuses = await statusesOf(
        random,
        Array.from({ length: 50 }, () => () => askWith(assertion)),
      );
      await evicting;
      statuses.push((await askWith(assertion)).status);
      expect(succeeded(statuses), `seed ${seed}`).toBeLessThanOrEqual(1);
      tokens += succeeded(statuses);
    }
    expect(tokens).toBeGreaterThan(0);
  });
});
