import { env } from 'cloudflare:workers';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';
import type { SigningAlg } from '../../src/gates/protocol.ts';
import { database } from '../../src/store/database.ts';
import { readRing } from '../../src/store/ring.ts';
import { ISSUER } from '../http.ts';
import { sized } from '../size.ts';
import { Isolate, kvReading, LOST_D1 } from './isolate.ts';
import { ALGS, clientsByAlg, MINUTE, runScheduled, SECOND, START } from './keys.ts';

afterEach(() => {
  vi.useRealTimers();
});

// Half of the rotations are made by the schedule, the others by an administrator, in turn.
const ROTATIONS = sized({ small: 2, soak: 5 });

/** The promised limits of isolates: how far their clocks may be ahead, how far their copies may lag, and how long they may hold a ring. */
const CLOCK_AHEAD = MINUTE;
const COPY_BEHIND = 2 * MINUTE;
const LEASE = MINUTE;

let now = START;

/** The rows of the ring in D1 at each step of the clock. */
const past: { readonly at: number; readonly keys: unknown }[] = [];

/** A KV whose copy lags as far as it may. It can be read only once per lease, so that each ring is held for a whole lease. */
function slowestCopy(): KVNamespace {
  let readAt = 0;
  return kvReading(async (key) => {
    if (key !== 'key-ring') return null;
    if (now - readAt < LEASE) throw new Error('KV GET failed: 500');
    readAt = now;
    return past.findLast(({ at }) => at <= now - COPY_BEHIND)?.keys ?? past[0]?.keys;
  });
}

interface Place {
  readonly isolate: Isolate;
  readonly clockAhead: number;
}

/** Runs a function by the clock of an isolate. */
async function at<T>({ isolate, clockAhead }: Place, run: (isolate: Isolate) => Promise<T>): Promise<T> {
  vi.setSystemTime(now + clockAhead);
  try {
    return await run(isolate);
  } finally {
    vi.setSystemTime(now);
  }
}

/** The times at which readers of the JWKS could see a key. */
interface Sighting {
  /** The last time at which a JWKS without the key was served before it appeared: never for the first keys. */
  readonly lastWithout: number;
  readonly lastWith: number;
}

const sightings = new Map<string, Sighting>();
let servedBefore = Number.NEGATIVE_INFINITY;

function sight(kids: readonly string[]): void {
  for (const kid of kids) {
    const lastWithout = sightings.get(kid)?.lastWithout ?? servedBefore;
    sightings.set(kid, { lastWithout, lastWith: now });
  }
  // Isolates disagree for a while: a key is only as old as the last JWKS that one of them served without it.
  for (const [kid, { lastWith }] of sightings) {
    if (!kids.includes(kid) && now - lastWith < 5 * MINUTE) sightings.set(kid, { lastWithout: now, lastWith });
  }
}

class Verifier {
  readonly #places: readonly Place[];
  #freshUntil: number;
  #keys: ReturnType<typeof createLocalJWKSet> | undefined;

  constructor(places: readonly Place[], firstFetch: number) {
    this.#places = places;
    this.#freshUntil = firstFetch;
  }

  async refresh(): Promise<void> {
    if (this.#keys && now < this.#freshUntil) return;
    const place = this.#places[Math.floor(now / (20 * SECOND)) % this.#places.length] ?? expect.unreachable();
    const { keys, maxAge } = await at(place, (isolate) => isolate.jwks());
    // The first fetch is kept for a shorter time, which differs for each verifier, so that they fetch at different times.
    this.#freshUntil = this.#keys ? now + maxAge : this.#freshUntil;
    this.#keys = createLocalJWKSet(keys);
  }

  async verify(token: string): Promise<void> {
    await jwtVerify(token, this.#keys ?? expect.unreachable(), { issuer: ISSUER, currentDate: new Date(now) });
  }
}

test(`${ROTATIONS} rotations of each algorithm, under load from verifiers that cache the JWKS for as long as they may, fail no verification`, async () => {
  vi.useFakeTimers({ toFake: ['Date'], now });
  const { clients } = await clientsByAlg();
  // Creates the first ring, in D1 and in the copy.
  await new Isolate().jwks();
  const ordinary: Place[] = [0, 1].map(() => ({ isolate: new Isolate(), clockAhead: 0 }));
  const ahead: Place = { isolate: new Isolate(), clockAhead: CLOCK_AHEAD };
  const slowest: Place = {
    isolate: new Isolate({ DB: LOST_D1, KV: slowestCopy() }),
    clockAhead: CLOCK_AHEAD,
  };
  const places = [...ordinary, ahead, slowest];
  const verifiers = [...Array(6).keys()].map(
    (index) => new Verifier(index % 2 === 0 ? places : [slowest], START + (index + 1) * 100 * SECOND),
  );

  /** The `kid`s that signed, by algorithm, in order. */
  const signed: Record<SigningAlg, string[]> = { ES256: [], RS256: [], EdDSA: [] };
  /** The token of each key that expires last. */
  const last = new Map<string, { readonly token: string; readonly exp: number }>();
  let maxAge = 0;

  async function look(): Promise<void> {
    past.push({ at: now, keys: (await readRing(database(env.DB))).keys });
    for (const place of places) {
      const served = await at(place, (isolate) => isolate.jwks());
      maxAge = served.maxAge;
      sight(served.kids);
    }
    servedBefore = now;
    for (const verifier of verifiers) await verifier.refresh();
  }

  async function verify(tokens: readonly string[]): Promise<void> {
    await Promise.all(verifiers.flatMap((verifier) => tokens.map((token) => verifier.verify(token))));
  }

  async function sign(): Promise<string[]> {
    const tokens: string[] = [];
    for (const place of places) {
      tokens.push(...(await at(place, (isolate) => Promise.all(ALGS.map((alg) => isolate.getToken(clients[alg]))))));
    }
    for (const token of tokens) {
      const { kid = '', alg } = decodeProtectedHeader(token);
      const { exp = 0 } = decodeJwt(token);
      const { lastWithout } = sightings.get(kid) ?? expect.unreachable(`${kid} signs, and was never published`);
      expect(now - lastWithout, `${alg} ${kid} signs too early`).toBeGreaterThanOrEqual(maxAge);
      const kids = signed[alg as SigningAlg];
      if (!kids.includes(kid)) kids.push(kid);
      if (exp * SECOND > (last.get(kid)?.exp ?? 0)) last.set(kid, { token, exp: exp * SECOND });
    }
    return tokens;
  }

  const alive = () => [...last.values()].filter(({ exp }) => now < exp).map(({ token }) => token);
  let changedAt = now;
  for (;;) {
    await look();
    const before = ALGS.map((alg) => signed[alg].length);
    await verify([...(await sign()), ...alive()]);
    if (ALGS.some((alg, index) => signed[alg].length !== before[index])) changedAt = now;
    if (ALGS.every((alg) => signed[alg].length > ROTATIONS) && now - changedAt > 5 * MINUTE) break;

    // The schedule and an administrator take turns. The administrator tries as early as possible, in an isolate whose clock is ahead.
    if (now % MINUTE === 0) await runScheduled(3600);
    for (const [index, alg] of ALGS.entries()) {
      const isTurn = signed[alg].length % 2 === 0 && now - START > index * 40 * SECOND;
      if (!isTurn || signed[alg].length > ROTATIONS) continue;
      const answer = await at(ahead, (isolate) => isolate.api('POST', 'signing-keys/rotate', { alg }));
      expect([200, 409]).toContain(answer.status);
    }
    now += now - changedAt < 20 * MINUTE ? 20 * SECOND : 100 * SECOND;
    vi.setSystemTime(now);
  }
  for (const alg of ALGS) expect(signed[alg], alg).toHaveLength(ROTATIONS + 1);

  const old = ALGS.flatMap((alg) => signed[alg].slice(0, -1));
  const ends = old.map((kid) => last.get(kid)?.exp ?? 0);
  const end = Math.max(...ends) + 15 * MINUTE;
  while (now < end) {
    const isNear = ends.some((exp) => Math.abs(exp - now) < 8 * MINUTE);
    now += isNear ? 20 * SECOND : 10 * MINUTE;
    vi.setSystemTime(now);
    if (now % MINUTE === 0 || !isNear) await runScheduled();
    await look();
    await verify(alive());
  }
  for (const kid of old) {
    const [lastWith, exp] = [sightings.get(kid)?.lastWith ?? 0, last.get(kid)?.exp ?? 0];
    expect(lastWith, 'left before its last token').toBeGreaterThanOrEqual(exp - 20 * SECOND);
    expect(lastWith, 'stayed on').toBeLessThan(exp + 8 * MINUTE);
  }
}, 600_000);
