import { Connection } from './connection.ts';
import { prepareRequests, type Target } from './requests.ts';
import { cpuMs } from './runtime.ts';
import { quantile } from './statistics.ts';

export type { Target } from './requests.ts';

/** How many one-time requests are prepared for each second of a measurement. */
const MADE_PER_SECOND = 4500;

/** The least time for which a target is asked before the clock runs, in seconds. Its turns are taken as often as it says meanwhile. */
const WARM_SECONDS = 0.2;

export interface Measurement {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of CPU time of the target's process per request, in all its threads. NaN without a process id. */
  readonly cpu: number;
  /** Answers other than 200 and lost connections. They are counted in no other figure. */
  readonly errors: number;
  /** The share of one core that this process used during the measurement. */
  readonly generatorCpu: number;
}

/**
 * Sends requests to a target for `seconds`, over `connections` kept-alive connections with one request at a time on each. Before that it
 * warms the target up.
 *
 * Requests are prepared as bytes, and only the status and length of an answer are read: the less this process does, the more of the machine
 * is left to the target.
 * @param pid the process whose CPU time is counted
 */
export async function measure(
  target: Target,
  connections: number,
  seconds: number,
  pid?: number,
): Promise<Measurement> {
  const warmUps = (target.turns?.length ?? 0) * (target.warmUps ?? 1);
  const count = MADE_PER_SECOND * (seconds + WARM_SECONDS) + warmUps + connections;
  const load = new Load(new URL(target.url), await prepareRequests(target, count));
  await load.run(connections, (sent, elapsed) => sent < warmUps || elapsed < WARM_SECONDS * 1000);
  load.reset();

  const own = process.cpuUsage();
  const before = pid === undefined ? Number.NaN : cpuMs(pid);
  const begun = performance.now();
  await load.run(connections, (_, elapsed) => elapsed < seconds * 1000);
  const elapsed = performance.now() - begun;
  const used = pid === undefined ? Number.NaN : cpuMs(pid) - before;
  const { user, system } = process.cpuUsage(own);

  const latencies = load.latencies.toSorted((one, other) => one - other);
  return {
    requestsPerSecond: (latencies.length / elapsed) * 1000,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: (used * 1000) / (latencies.length + load.errors),
    errors: load.errors,
    generatorCpu: (user + system) / 1000 / elapsed,
  };
}

/** Requests, and how they were answered. */
export class Load {
  readonly #url: URL;
  readonly #nextRequest: () => Buffer;
  latencies: number[] = [];
  errors = 0;

  constructor(url: URL, nextRequest: () => Buffer) {
    this.#url = url;
    this.#nextRequest = nextRequest;
  }

  /** Sends requests while a condition holds, which gets the number of requests sent and the milliseconds since the start. */
  async run(connections: number, isOn: (sent: number, elapsed: number) => boolean): Promise<void> {
    const { hostname, port } = this.#url;
    const begun = performance.now();
    let count = 0;
    const converse = async () => {
      let connection = await Connection.open(hostname, Number(port));
      for (let sent = performance.now(); isOn(count, sent - begun); sent = performance.now()) {
        count++;
        const status = await connection.exchange(this.#nextRequest()).catch(() => undefined);
        if (status === 200) this.latencies.push(performance.now() - sent);
        else this.errors++;
        if (status === undefined) connection = await Connection.open(hostname, Number(port));
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: connections }, converse));
  }

  reset(): void {
    this.latencies = [];
    this.errors = 0;
  }
}
