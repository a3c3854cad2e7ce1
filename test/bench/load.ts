import { connect, type Socket } from 'node:net';

/** The request that a measurement repeats: a POST if it has a form, else a GET. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  /** Makes headers and fields that only one request may use, such as an assertion. They are added to the others. */
  readonly once?: () => Promise<Pick<Target, 'headers' | 'form'>>;
}

/** How many one-time requests are prepared for each second of a measurement. */
const MADE_PER_SECOND = 4500;

export interface Measurement {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answers other than 200 and lost connections. They are counted in no other figure. */
  readonly errors: number;
  /** The share of one core that this process used during the measurement. */
  readonly generatorCpu: number;
}

/**
 * Sends requests to a target for `seconds`, over `connections` kept-alive connections with one request at a time on each.
 *
 * Requests are prepared as bytes, and only the status and length of an answer are read: the less this process does, the more of the machine
 * is left to the target.
 */
export async function measure(target: Target, connections: number, seconds: number): Promise<Measurement> {
  const { hostname, port } = new URL(target.url);
  const nextRequest = await requestsTo(target, seconds);
  const latencies: number[] = [];
  let errors = 0;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const end = begun + seconds * 1000;

  const converse = async () => {
    let connection = await Connection.open(hostname, Number(port));
    for (let sent = performance.now(); sent < end; sent = performance.now()) {
      const status = await connection.exchange(nextRequest()).catch(() => undefined);
      if (status === 200) latencies.push(performance.now() - sent);
      else errors++;
      if (status === undefined) connection = await Connection.open(hostname, Number(port));
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, converse));

  const elapsed = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((one, other) => one - other);
  return {
    requestsPerSecond: (latencies.length / elapsed) * 1000,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    errors,
    generatorCpu: (user + system) / 1000 / elapsed,
  };
}

/** Prepares all requests of a measurement. */
async function requestsTo(target: Target, seconds: number): Promise<() => Buffer> {
  const { once } = target;
  if (!once) {
    const request = requestBytes(target);
    return () => request;
  }
  const made: Buffer[] = [];
  while (made.length < MADE_PER_SECOND * seconds) {
    const some = await Promise.all(Array.from({ length: 100 }, once));
    made.push(
      ...some.map(({ headers, form }) =>
        requestBytes({ ...target, headers: { ...target.headers, ...headers }, form: { ...target.form, ...form } }),
      ),
    );
  }
  return () => {
    const request = made.pop();
    if (!request) throw new Error('The target answered more requests than were prepared.');
    return request;
  };
}

function requestBytes({ url, headers, form }: Target): Buffer {
  const { host, pathname, search } = new URL(url);
  const body = new URLSearchParams(form).toString();
  const type = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': String(body.length) };
  const lines = Object.entries({ Host: host, ...(form && type), ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.from(`${form ? 'POST' : 'GET'} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/** Returns the value below which a share of the sorted values lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A kept-alive HTTP/1.1 connection. It is closed on an answer without a `Content-Length`. */
class Connection {
  readonly #socket: Socket;
  #received = '';
  #waiting: PromiseWithResolvers<number> | undefined;

  static async open(host: string, port: number): Promise<Connection> {
    const socket = connect({ host, port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new Connection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    // The missing answer reports the error.
    socket.on('error', () => {});
    socket.on('close', () => this.#waiting?.reject(new Error('The connection was closed.')));
  }

  /** Sends a request and waits for the whole answer. @returns its status @throws if the connection is closed before the answer */
  exchange(request: Buffer): Promise<number> {
    this.#waiting = Promise.withResolvers();
    this.#socket.write(request);
    return this.#waiting.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#received += chunk;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received.slice(0, headEnd))?.[1];
    if (length === undefined) {
      this.#socket.destroy();
    } else if (this.#received.length >= headEnd + 4 + Number(length)) {
      const status = Number(this.#received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
      this.#received = '';
      this.#waiting?.resolve(status);
    }
  }
}
