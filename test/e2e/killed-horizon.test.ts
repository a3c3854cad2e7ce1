import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUSY_USES, REPLAY_WINDOW } from '../../src/client-gate/constants.ts';
import { type MachineKey, machineKey } from '../bench/signing.ts';
import { EdgemintApart } from '../harness/apart.ts';
import { ROOT_API_KEY } from '../harness/edgemint.ts';
import { register } from '../interop/management.ts';
import { seeded } from '../random.ts';
import { sized } from '../size.ts';

// Kills the server while gates use assertions and proofs without writing them. Each client is one trial: a seed determines how busy it is,
// and how far its gate has come when the server is killed.

const CLIENTS = 8;
const SEEDS = sized({ small: 24, soak: 200 });
const KILLS = SEEDS / CLIENTS;
/** How many used assertions, and how many used proofs, each client presents again after a kill. */
const AGAIN = 15;
/** How long an answer may take on a machine that stalls. */
const STALL_MS = 3000;

let edgemint: EdgemintApart;

beforeAll(async () => {
  edgemint = await EdgemintApart.prepare();
});

afterAll(() => edgemint?.remove());

type Random = ReturnType<typeof seeded>;

interface Used {
  readonly assertion: string;
  readonly proof: string | undefined;
  readonly at: number;
}

/** Tells a refusal for a lost memory from other reasons for 503: on a machine that stalls, a call may exceed its deadline. */
type Result = 'used' | 'refused' | 'unknown' | 'unavailable' | 'lost';

async function present(assertion: string, proof?: string): Promise<Result> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
  const headers: Record<string, string> = proof === undefined ? {} : { DPoP: proof };
  const answer = await fetch(`${edgemint.issuer}/oauth2/token`, { method: 'POST', body, headers }).catch(
    () => undefined,
  );
  const text = await answer?.text().catch(() => undefined);
  if (!answer || text === undefined) return 'lost';
  if (answer.status === 200) return 'used';
  if (answer.status === 400 || answer.status === 401) return 'refused';
  expect(answer.status).toBe(503);
  if (!text.includes('used before is not known')) return 'unavailable';
  expect(answer.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
  return 'unknown';
}

/** A client, and what it has used. */
class Machine {
  readonly #clientId: string;
  readonly #key: MachineKey;
  readonly #hasProofs: boolean;
  used: Used[] = [];
  /** How many of its assertions were refused because the gate had lost its memory. */
  unknown = 0;

  private constructor(clientId: string, key: MachineKey, hasProofs: boolean) {
    this.#clientId = clientId;
    this.#key = key;
    this.#hasProofs = hasProofs;
  }

  static async register(
    registerMachine: Awaited<ReturnType<typeof register>>['registerMachine'],
    hasProofs: boolean,
  ): Promise<Machine> {
    const key = await machineKey();
    const { client_id } = await registerMachine({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.publicJwk] },
      rate_limit: { per_minute: 1_000_000, burst: 1_000_000 },
    });
    return new Machine(client_id, key, hasProofs);
  }

  #assertion(): Promise<string> {
    return this.#key.assertion(this.#clientId, edgemint.issuer);
  }

  #proof(): Promise<string> {
    return this.#key.proof(`${edgemint.issuer}/oauth2/token`);
  }

  /** Requests a token with a new assertion. */
  async use(): Promise<Result> {
    const assertion = await this.#assertion();
    const proof = this.#hasProofs ? await this.#proof() : undefined;
    const result = await present(assertion, proof);
    if (result === 'used') this.used.push({ assertion, proof, at: Date.now() });
    if (result === 'unknown') this.unknown++;
    return result;
  }

  /** Requests tokens until one is issued, and returns how long the lost memory prevented that, in milliseconds. */
  async refusedFor(): Promise<number> {
    const start = Date.now();
    let refused = 0;
    for (;;) {
      const result = await this.use();
      if (result === 'used') return refused;
      if (result === 'unknown') refused = Date.now() - start;
      else expect(result).toBe('unavailable');
      expect(refused).toBeLessThanOrEqual(REPLAY_WINDOW * 1000 + STALL_MS);
      await sleep(10);
    }
  }

  /** Presents what was used, until the answer is not 503. Returns how often something was unknown at first. */
  async presentAgain(random: Random): Promise<number> {
    let unknown = 0;
    const again = async (present: () => Promise<Result>) => {
      let result = await present();
      if (result === 'unknown') unknown++;
      for (let repeat = 0; (result === 'unknown' || result === 'unavailable') && repeat < 100; repeat++) {
        await sleep(50);
        result = await present();
      }
      expect(result).toBe('refused');
    };
    // Proofs are accepted for a minute.
    const recent = this.used.filter(({ at }) => at > Date.now() - 50_000);
    for (let index = 0; index < Math.min(AGAIN, recent.length); index++) {
      // The last ones more often: the gate had not written them.
      const { assertion, proof } = recent[
        recent.length - 1 - random.below(Math.min(random.pick([20, 1000]), recent.length))
      ] as Used;
      await again(async () => present(assertion, this.#hasProofs ? await this.#proof() : undefined));
      // A new assertion is unknown as well at first, so the proof is presented until an assertion is known.
      if (proof !== undefined) await again(async () => present(await this.#assertion(), proof));
    }
    return unknown;
  }
}

/** Waits until the moment of the kill. @param first the machine whose progress determines it */
async function moment(random: Random, first: Machine, before: number): Promise<void> {
  const progress = async (uses: number) => {
    while (first.used.length - before < uses) await sleep(1);
  };
  switch (random.below(4)) {
    // While the gate becomes busy and opens its first window.
    case 0:
      return progress(BUSY_USES - 3 + random.below(8));
    // While one window follows another.
    case 1: {
      await progress(BUSY_USES);
      const left = REPLAY_WINDOW * 1000 - (Date.now() % (REPLAY_WINDOW * 1000));
      return sleep(Math.max(0, left - 50 + random.below(150)));
    }
    // Anywhere in a window.
    case 2:
      await progress(BUSY_USES);
      return sleep(random.below(1500));
    // Soon after the start, while the gate still refuses what an earlier memory may have used.
    default:
      return sleep(random.below(600));
  }
}

test(`nothing that was used without a write is used again after a kill, by ${SEEDS} seeds`, {
  timeout: 1_800_000,
}, async () => {
  await edgemint.start();
  const { registerMachine } = await register({ issuer: edgemint.issuer, rootApiKey: ROOT_API_KEY });
  const machines: Machine[] = [];
  for (let index = 0; index < CLIENTS; index++) machines.push(await Machine.register(registerMachine, index % 3 === 0));
  let [longest, unknownAgain] = [0, 0];
  for (let kill = 0; kill < KILLS; kill++) {
    const random = seeded(kill);
    const first = random.pick(machines as [Machine, ...Machine[]]);
    let isOver = false;
    const loads = machines.map(async (machine) => {
      // Some machines make several requests at once, and some pause between them.
      const [atOnce, pause] = machine === first ? [6, 0] : [1 + random.below(3), random.pick([0, 0, 20, 300])];
      const inTurn = async () => {
        while (!isOver) {
          const result = await machine.use();
          if (result === 'refused') expect(isOver, 'a new assertion was refused').toBe(true);
          await sleep(pause);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, inTurn));
    });
    await Promise.race([moment(random, first, first.used.length), Promise.all(loads)]);
    isOver = true;
    await edgemint.kill();
    await Promise.all(loads);
    await edgemint.start();
    // Half of the machines go on at once. The others are first copied by a thief.
    const results = await Promise.all(
      machines.map(async (machine, index) => {
        const isThiefFirst = index % 2 === kill % 2;
        const early = isThiefFirst ? await machine.presentAgain(random) : 0;
        const refused = await machine.refusedFor();
        return { refused, unknown: early + (await machine.presentAgain(random)) };
      }),
    );
    longest = Math.max(longest, ...results.map(({ refused }) => refused));
    unknownAgain += results.reduce((sum, { unknown }) => sum + unknown, 0);
  }
  const used = machines.reduce((sum, machine) => sum + machine.used.length, 0);
  const refused = machines.reduce((sum, machine) => sum + machine.unknown, 0);
  console.log(
    `${SEEDS} seeds, ${KILLS} kills: ${used} assertions were used, none twice; ${unknownAgain} of those that were presented again were unknown. ` +
      `New ones were refused ${refused} times, for ${(longest / 1000).toFixed(1)} s at most.`,
  );
  expect(unknownAgain).toBeGreaterThan(0);
});
