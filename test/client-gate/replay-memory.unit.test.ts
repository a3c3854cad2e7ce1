import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUSY_USES, REPLAY_WINDOW, UNWRITTEN_USES_MAX } from '../../src/client-gate/constants.ts';
import { ReplayMemory } from '../../src/client-gate/replay-memory.ts';
import type { SpentId, SpentIdsRow } from '../../src/gates/protocol.ts';
import { seeded } from '../random.ts';

const T = 1_800_000_000;
const W = REPLAY_WINDOW;

// The replay memory of a gate that loses its memory at any moment. A write is under way until the test lets it go on.

let waiting: (() => void)[] = [];
const platform = globalThis as unknown as { scheduler?: unknown };
const original = platform.scheduler;

beforeAll(() => {
  platform.scheduler = { wait: () => new Promise<void>((resolve) => waiting.push(resolve)) };
});

afterAll(() => {
  platform.scheduler = original;
});

async function finishWrites(): Promise<void> {
  for (const resume of waiting.splice(0)) resume();
  // Microtasks: the write, and those who wait for it.
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

/** A gate's table of used ids, which outlives the memories on it. */
class Storage {
  readonly #table = new Map<number, SpentIdsRow>();
  #exists = false;
  /** How many rows were written. */
  rows = 0;

  /** Returns the storage as one instance uses it. Writes fail once the instance has been replaced. */
  open(): { sql: SqlStorage; replace: () => void } {
    let isReplaced = false;
    const exec = (query: string, ...values: (string | number)[]) => {
      if (isReplaced && !query.startsWith('SELECT')) throw new Error('The storage belongs to another instance.');
      const rows = this.#exec(query, values);
      return { toArray: () => rows, [Symbol.iterator]: () => rows.values() };
    };
    const replace = () => {
      isReplaced = true;
    };
    return { sql: { exec } as unknown as SqlStorage, replace };
  }

  #exec(query: string, [first, ids, expires_at]: (string | number)[]): unknown[] {
    switch (query.split(' ', 2).join(' ')) {
      case 'SELECT name':
        return this.#exists ? [{ name: 'spent_ids' }] : [];
      case 'SELECT *':
        return [...this.#table.values()].sort((one, other) => one.row - other.row);
      case 'CREATE TABLE':
        this.#exists = true;
        return [];
      case 'INSERT OR':
        this.rows++;
        this.#table.set(Number(first), { row: Number(first), ids: String(ids), expires_at: Number(expires_at) });
        return [];
      case 'DELETE FROM':
        for (const [row, { expires_at }] of this.#table) if (expires_at <= Number(first)) this.#table.delete(row);
        return [];
      default:
        throw new Error(query);
    }
  }
}

/** An instance of a gate, as far as its replay memory goes. */
class Instance {
  readonly memory: ReplayMemory;
  readonly replace: () => void;
  constructor(storage: Storage) {
    const { sql, replace } = storage.open();
    this.memory = new ReplayMemory(sql);
    this.replace = replace;
  }

  /** Presents ids, as `client-gate.ts` does. @returns whether they are used, were used before, may have been, or that a write must end first */
  present(ids: readonly SpentId[], now: number): 'used' | 'replayed' | 'unknown' | Promise<void> {
    if (ids.some((id) => this.memory.has(id))) return 'replayed';
    if (this.memory.refuseUnknown(ids, now) !== undefined) return 'unknown';
    return this.memory.spend(ids, now) ?? 'used';
  }
}

interface Minted {
  readonly id: SpentId;
  /** From when on no edge accepts it, by the true time in seconds. */
  readonly until: number;
}

/** How far the clocks of the client's machines are ahead, seconds. */
const CLOCKS = [0, 0, -28, 25];

/** A client with several machines, whose gate is killed, replaced and told a wrong time. Checks that no id is used twice. */
class Trial {
  readonly #random: ReturnType<typeof seeded>;
  readonly #storage = new Storage();
  #gate = new Instance(this.#storage);
  /** An instance that was replaced and does not know yet. */
  #zombie: Instance | undefined;
  #now = T;
  #clockError = 0;
  readonly #minted: Minted[] = [];
  readonly #used = new Map<string, number>();
  readonly usedAgain: string[] = [];
  readonly counts = { used: 0, unwritten: 0, unknown: 0, replayed: 0, losses: 0 };

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  get rows(): number {
    return this.#storage.rows;
  }

  async run(steps: number): Promise<Trial> {
    for (let step = 0; step < steps; step++) await this.#step();
    return this;
  }

  async #step(): Promise<void> {
    const { below } = this.#random;
    this.#now += below(40) / 1000;
    const draw = below(600);
    if (draw === 0) this.#lose();
    else if (draw === 1) this.#clockError = below(2) === 0 ? -below(7200) : below(60);
    else if (draw === 2) this.#gate.memory.purge(this.#clock);
    else if (draw === 3) this.#zombie = undefined;
    else if (draw === 5) this.#gate.memory.writeUses();
    else if (draw === 4) this.#now += below(2) === 0 ? 10 : 400;
    else if (draw < 200) await finishWrites();
    else this.#present(draw < 440 ? this.#mint() : this.#again());
  }

  get #clock(): number {
    return (this.#now + this.#clockError) * 1000;
  }

  #lose(): void {
    this.counts.losses++;
    this.#gate.replace();
    this.#zombie = this.#random.below(3) === 0 ? this.#gate : undefined;
    // A write that had not begun is lost with its answer.
    if (!this.#zombie) waiting = [];
    this.#gate = new Instance(this.#storage);
  }

  /** Makes one or two ids, by one of the client's machines. */
  #mint(): Minted[] {
    const { below, pick } = this.#random;
    const machine = below(CLOCKS.length);
    const iat = Math.floor((this.#now + (CLOCKS[machine] ?? 0)) * 2) / 2;
    const lifetime = pick([60, 120, machine === 0 ? 300 : 120]);
    const assertion = Math.ceil(iat + lifetime) + 30;
    const minted = [this.#new(below(20) === 0 ? 0 : iat, assertion)];
    if (below(3) === 0) minted.push(this.#new(iat, Math.ceil(iat) + 90));
    this.#minted.push(...minted);
    return minted;
  }

  #new(issued_at: number, expires_at: number): Minted {
    return {
      id: { id: `jwt ${this.#minted.length} ${this.#random.below(1e9)}`, expires_at, issued_at },
      until: expires_at,
    };
  }

  /** Picks an earlier id that every edge still accepts, more often a recent one. */
  #again(): Minted[] {
    const last = this.#minted.length - 1;
    const minted = this.#minted[last - this.#random.below(Math.min(last, this.#random.pick([20, 1000])) + 1)];
    return minted && minted.until > this.#now ? [minted] : [];
  }

  #present(minted: readonly Minted[]): void {
    const { below } = this.#random;
    if (minted.length === 0) return;
    const ids = minted.map(({ id }) => (below(50) === 0 ? { id: id.id, expires_at: id.expires_at } : id));
    const toZombie = this.#zombie !== undefined && below(2) === 0;
    const instance = toZombie && this.#zombie ? this.#zombie : this.#gate;
    const outcome = instance.present(ids, this.#clock);
    if (outcome === 'unknown' || outcome === 'replayed') this.counts[outcome]++;
    else if (outcome === 'used') {
      this.counts.unwritten++;
      this.#answer(ids);
    } else {
      // A replaced instance finds out with its next write, and answers nothing.
      outcome.then(
        () => this.#answer(ids),
        () => {
          if (this.#zombie === instance) this.#zombie = undefined;
        },
      );
    }
  }

  #answer(ids: readonly SpentId[]): void {
    this.counts.used++;
    for (const { id } of ids) {
      const uses = (this.#used.get(id) ?? 0) + 1;
      this.#used.set(id, uses);
      if (uses > 1) this.usedAgain.push(id);
    }
  }
}

const SEEDS = 200;

test('no id is used twice, whenever the gate is killed or replaced, and whatever its clock says', async () => {
  const total = { used: 0, unwritten: 0, unknown: 0, replayed: 0, losses: 0 };
  let rows = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    waiting = [];
    const trial = await new Trial(seed).run(1500);
    expect(trial.usedAgain, `seed ${seed}`).toEqual([]);
    rows += trial.rows;
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += trial.counts[key];
  }
  console.log(`${SEEDS} seeds: ${JSON.stringify(total)}, ${rows} rows`);
  // Otherwise the trials would not try what they are for.
  expect(total.unwritten).toBeGreaterThan(total.used / 4);
  expect(total.unknown).toBeGreaterThan(SEEDS);
  expect(total.losses).toBeGreaterThan(SEEDS);
});

describe('a machine that asks again and again, each time with a new assertion', () => {
  const mint = (now: number): SpentId => ({
    id: `assertion ${now}`,
    expires_at: Math.ceil(now) + 330,
    issued_at: Math.floor(now),
  });

  /** Lets the machine use `count` assertions, one every `step` seconds. Returns the time afterwards. */
  async function use(gate: Instance, count: number, step: number, from: number): Promise<number> {
    let now = from;
    for (let index = 0; index < count; index++) {
      await Promise.all([gate.present([mint(now)], now * 1000), finishWrites()]);
      now += step;
    }
    return now;
  }

  test.each([
    ['never, if it was not busy', BUSY_USES - 1, 0],
    ['until the window ends, if it was', BUSY_USES, W],
  ])('is refused after a loss: %s', async (_, uses, longest) => {
    let refused = 0;
    for (let phase = 0; phase < W; phase += 0.25) {
      const storage = new Storage();
      const lost = await use(new Instance(storage), uses, 0.001, T + phase);
      const gate = new Instance(storage);
      let now = lost;
      while (gate.present([mint(now)], now * 1000) === 'unknown') now += 0.01;
      refused = Math.max(refused, now - lost);
      expect(now - lost).toBeLessThanOrEqual(longest);
    }
    console.log(`refused for ${refused.toFixed(2)} s at most`);
  });

  test('causes a row in each window, and one for every few hundred uses', async () => {
    const storage = new Storage();
    const gate = new Instance(storage);
    await use(gate, BUSY_USES, 0.001, T);
    const warm = storage.rows;
    expect(warm).toBe(BUSY_USES);
    await use(gate, 600, 1 / 10, T + W);
    expect(storage.rows - warm).toBeLessThanOrEqual(60 / W + 1);
    const slow = storage.rows;
    await use(gate, 5000, 1 / 2000, T + 100);
    expect(storage.rows - slow).toBeLessThanOrEqual(5000 / UNWRITTEN_USES_MAX + 3);
  });

  test('that has become quiet is refused by no later loss', async () => {
    const storage = new Storage();
    const gate = new Instance(storage);
    await use(gate, BUSY_USES, 0.001, T);
    const now = await use(gate, 6, 30, T + 130);
    const next = new Instance(storage);
    expect(next.present([mint(now - 29.5)], now * 1000)).not.toBe('unknown');
  });
});

// They could only be told from those that may have been used by their expiry, which differs between machines by minutes.
test('assertions without iat are written at once, so that a loss refuses no new one of any lifetime', async () => {
  const storage = new Storage();
  const gate = new Instance(storage);
  const now = T * 1000;
  const mint = (lifetime: number): SpentId => ({
    id: `assertion ${Math.random()}`,
    expires_at: T + lifetime + 30,
    issued_at: 0,
  });
  const long = Array.from({ length: 2 * BUSY_USES }, () => mint(300));
  for (const id of long) {
    const used = gate.present([id], now);
    expect(used).toBeInstanceOf(Promise);
    await Promise.all([used, finishWrites()]);
  }
  const next = new Instance(storage);
  expect(next.present([mint(60)], now)).not.toBe('unknown');
  expect(long.filter((id) => next.present([id], now) !== 'replayed')).toEqual([]);
});

describe('a clock that is an hour ahead for a moment', () => {
  const AHEAD = (T + 3600) * 1000;
  const mint = (issued_at: number): SpentId => ({ id: `assertion ${Math.random()}`, expires_at: T + 330, issued_at });

  async function useOnce(gate: Instance, id: SpentId, now: number): Promise<void> {
    await Promise.all([gate.present([id], now), finishWrites()]);
  }

  test('lets the gate forget ids, but accept none of them again', async () => {
    const gate = new Instance(new Storage());
    const id = mint(T);
    await useOnce(gate, id, T * 1000);
    await useOnce(gate, mint(T + 3600), AHEAD);
    expect(gate.memory.has(id)).toBe(false);
    expect(gate.present([id], (T + 1) * 1000)).toBe('unknown');
  });

  test('lets it delete what it announced, but use nothing unannounced', async () => {
    const storage = new Storage();
    const gate = new Instance(storage);
    for (let use = 0; use < BUSY_USES; use++) await useOnce(gate, mint(T), T * 1000);
    expect(gate.present([mint(T)], T * 1000)).toBe('used');
    gate.memory.purge(AHEAD);
    const id = mint(T);
    await useOnce(gate, id, (T + 1) * 1000);
    expect(new Instance(storage).present([id], (T + 1) * 1000)).toBe('replayed');
  });
});
