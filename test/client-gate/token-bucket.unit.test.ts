import { expect, test } from 'vitest';
import { fullBucket, recoveredBucket, renewed, type TokenBucket, take } from '../../src/client-gate/token-bucket.ts';
import type { WrittenBucket } from '../../src/gates/protocol.ts';

const LIMIT = { per_minute: 60, burst: 100 };
const START = 1_800_000_000_000;

/** Returns a generator of pseudo-random numbers in [0, 1), the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Returns the bucket of a busy client, or of a quiet one, that can be evicted and restored from what it wrote to storage. */
function stored(limit = LIMIT, isBusy = true) {
  let written: WrittenBucket | undefined;
  let bucket: TokenBucket = fullBucket(limit, START);
  let writes = 0;
  return {
    take(now: number, isBusyNow = isBusy) {
      const taken = take(bucket, written, limit, isBusyNow, now);
      if (taken.write) {
        written = taken.write;
        writes++;
      }
      bucket = taken.bucket;
      return taken;
    },
    renew(now: number, isBusyNow = isBusy) {
      written = renewed(bucket, limit, isBusyNow, now);
    },
    evict(now: number) {
      bucket = written ? recoveredBucket(written, limit, now) : fullBucket(limit, now);
    },
    get writes() {
      return writes;
    },
  };
}

function grantedOf(attempts: number, takeOne: () => { granted: boolean }): number {
  return Array.from({ length: attempts }, takeOne).filter(({ granted }) => granted).length;
}

test('the burst is granted at once, no more, and then what the rate refills', () => {
  const bucket = stored();
  expect(grantedOf(1000, () => bucket.take(START))).toBe(100);
  expect(grantedOf(1000, () => bucket.take(START + 30_000))).toBe(30);
  expect(grantedOf(1000, () => bucket.take(START + 10 * 60_000))).toBe(100);
});

test('storage is written once for a tenth of the burst', () => {
  const bucket = stored();
  grantedOf(100, () => bucket.take(START));
  expect(bucket.writes).toBe(10);
});

test('a busy client whose bucket stays within a tenth of its burst writes nothing more', () => {
  const bucket = stored();
  for (let second = 0; second < 3600; second++) expect(bucket.take(START + second * 1000).granted).toBe(true);
  expect(bucket.writes).toBe(1);
  const end = START + 3_599_000;
  grantedOf(8, () => bucket.take(end));
  expect(bucket.writes).toBe(1);
  bucket.evict(end);
  expect(grantedOf(1000, () => bucket.take(end))).toBe(91);
});

test('a busy client that spends a tenth of its burst before it refills is written again', () => {
  const bucket = stored();
  const end = START + 3_600_000;
  bucket.take(START);
  grantedOf(9, () => bucket.take(end));
  expect(bucket.writes).toBe(1);
  grantedOf(1, () => bucket.take(end));
  expect(bucket.writes).toBe(2);
});

test('a quiet client’s tokens are each written, and an eviction loses none of them', () => {
  const bucket = stored(LIMIT, false);
  expect(grantedOf(30, () => bucket.take(START))).toBe(30);
  expect(bucket.writes).toBe(30);
  bucket.evict(START);
  expect(grantedOf(1000, () => bucket.take(START))).toBe(70);
});

test('a client that is busy no more gets the rest of its reservation back', () => {
  for (const spent of [11, 15, 19]) {
    const bucket = stored();
    grantedOf(spent, () => bucket.take(START));
    bucket.renew(START, false);
    bucket.evict(START);
    expect(spent + grantedOf(1000, () => bucket.take(START))).toBe(100);
  }
  const bucket = stored();
  grantedOf(15, () => bucket.take(START));
  bucket.take(START, false);
  bucket.evict(START);
  expect(grantedOf(1000, () => bucket.take(START))).toBe(84);
});

test('a renewed reservation is spent without a write, and an eviction loses at most a tenth of the burst', () => {
  for (let spent = 0; spent < 9; spent++) {
    const bucket = stored();
    grantedOf(15, () => bucket.take(START));
    bucket.renew(START);
    const { writes } = bucket;
    grantedOf(spent, () => bucket.take(START));
    expect(bucket.writes).toBe(writes);
    bucket.evict(START);
    const afterwards = grantedOf(1000, () => bucket.take(START));
    expect(15 + spent + afterwards).toBeLessThanOrEqual(100);
    expect(15 + spent + afterwards).toBeGreaterThanOrEqual(90);
  }
});

test('a refusal names the wait after which a request is granted', () => {
  const bucket = stored({ per_minute: 7, burst: 3 });
  grantedOf(3, () => bucket.take(START));
  const { granted, reset } = bucket.take(START + 1);
  expect(granted).toBe(false);
  expect(bucket.take(START + 1 + reset * 1000).granted).toBe(true);
});

test('whoever waits as long as a refusal says is granted a request, whatever was refused meanwhile', () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const next = random(seed);
    const limit = { per_minute: 1 + Math.floor(next() * 9), burst: 1 + Math.floor(next() * 5) };
    const bucket = stored(limit);
    grantedOf(limit.burst, () => bucket.take(START));
    const { granted, reset } = bucket.take(START);
    expect(granted).toBe(false);
    expect(reset).toBeGreaterThan(0);
    // Each refusal in between adds a fraction to the level.
    const way = Array.from({ length: 5 }, () => START + Math.floor(next() * reset * 1000)).sort();
    const grantedBefore = way.filter((now) => bucket.take(now).granted).length;
    expect(grantedBefore > 0 || bucket.take(START + reset * 1000).granted, `seed ${seed}`).toBe(true);
  }
});

test('a clock that goes back grants nothing', () => {
  const bucket = stored();
  grantedOf(100, () => bucket.take(START));
  expect(bucket.take(START - 3_600_000).granted).toBe(false);
  expect(grantedOf(1000, () => bucket.take(START + 30_000))).toBe(30);
});

test('a clock that goes back and comes forward again grants nothing after an eviction', () => {
  const bucket = stored();
  grantedOf(100, () => bucket.take(START));
  const later = START + 10 * 60_000;
  const before = grantedOf(5, () => bucket.take(later)) + grantedOf(50, () => bucket.take(START - 3_600_000));
  bucket.evict(later);
  expect(before + grantedOf(1000, () => bucket.take(later))).toBeLessThanOrEqual(100);
});

test('a client whose burst is one gets its token after every eviction', () => {
  const bucket = stored({ per_minute: 1, burst: 1 });
  for (let hour = 0; hour < 24; hour++) {
    bucket.evict(START + hour * 3_600_000);
    expect(bucket.take(START + hour * 3_600_000).granted).toBe(true);
  }
});

test('an eviction just after spending loses at most a tenth of the burst', () => {
  for (let spent = 1; spent < 100; spent++) {
    const bucket = stored();
    grantedOf(spent, () => bucket.take(START));
    bucket.evict(START);
    const afterwards = grantedOf(1000, () => bucket.take(START));
    expect(spent + afterwards).toBeLessThanOrEqual(100);
    expect(spent + afterwards).toBeGreaterThanOrEqual(90);
  }
});

test('an eviction gives nothing back of a reservation that was spent after the bucket had filled again', () => {
  const bucket = stored();
  bucket.take(START);
  const later = START + 10 * 60_000;
  const before = grantedOf(9, () => bucket.take(later));
  bucket.evict(later);
  const after = grantedOf(1000, () => bucket.take(later));
  expect(before + after).toBeLessThanOrEqual(100);
  expect(before + after).toBeGreaterThanOrEqual(90);
});

test('whenever it is evicted, renewed or quiet, no stretch of time grants more than the burst and what the rate refills in it', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const next = random(seed);
    const limit = { per_minute: 1 + Math.floor(next() * 600), burst: 1 + Math.floor(next() * 60) };
    const bucket = stored(limit);
    const grants: number[] = [];
    let now = START;
    for (let step = 0; step < 100; step++) {
      if (next() < 0.1) now += Math.floor(next() ** 3 * 600_000);
      if (next() < 0.1) bucket.renew(now, next() < 0.8);
      if (next() < 0.1) bucket.evict(now);
      const wanted = Math.floor(next() ** 4 * 60);
      const isBusy = next() < 0.8;
      for (let taking = 0; taking <= wanted; taking++) if (bucket.take(now, isBusy).granted) grants.push(now);
    }
    let excess = 0;
    grants.forEach((from, first) => {
      grants.slice(first).forEach((to, count) => {
        excess = Math.max(excess, count + 1 - limit.burst - ((to - from) * limit.per_minute) / 60_000);
      });
    });
    expect(excess, `seed ${seed}`).toBeLessThanOrEqual(1e-6);
  }
});

test('whatever happens, a client gets all that its limit allows, but for a tenth of the burst for each eviction', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const next = random(seed);
    const limit = { per_minute: 1 + Math.floor(next() * 600), burst: 1 + Math.floor(next() * 60) };
    const bucket = stored(limit);
    // The exact bucket: all that was granted, at the same moments.
    let exact = limit.burst;
    let [now, lost] = [START, 0];
    for (let step = 0; step < 200; step++) {
      const elapsed = next() < 0.5 ? Math.floor(next() ** 3 * 60_000) : 0;
      now += elapsed;
      exact = Math.min(limit.burst, exact + (elapsed * limit.per_minute) / 60_000);
      const event = next();
      if (event < 0.05) {
        bucket.evict(now);
        lost += Math.max(0, Math.floor(limit.burst / 10) - 1);
      } else if (event < 0.15) bucket.renew(now, next() < 0.7);
      else {
        const { granted } = bucket.take(now, next() < 0.7);
        if (!granted) expect(exact, `seed ${seed}`).toBeLessThan(1 + lost + 1e-3);
        if (granted) exact--;
        expect(exact, `seed ${seed}`).toBeGreaterThan(-1e-3);
      }
    }
  }
});

test('a limit that was lowered holds for what had been reserved under the old one', () => {
  const high = { per_minute: 60, burst: 1000 };
  const before = take(fullBucket(high, START), undefined, high, true, START);
  let bucket = before.bucket;
  const granted = grantedOf(100, () => {
    const taken = take(bucket, before.write, { per_minute: 60, burst: 5 }, true, START);
    bucket = taken.bucket;
    return taken;
  });
  expect(granted).toBe(5);
});
