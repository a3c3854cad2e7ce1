import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type StartOptions, startEdgemint } from './edgemint.ts';
import type { Network } from './worker.ts';

/** The options of that process. `receiver` is the origin to which every request that the Worker sends is forwarded. */
export type ServeOptions = Omit<StartOptions, 'network'> & { readonly receiver?: string | undefined };

/** A request to the process of `EdgemintApart`. */
export type Order = { readonly scheduled: true } | { readonly sql: string };

/** An answer of that process, in the order of the requests. `rows` is empty unless the request was a query. */
export type Report = { readonly ready: true } | { readonly rows: unknown[] } | { readonly failure: string };

// The main module of that process. It serves until it is killed, or until its parent process ends.

const tell = (report: Report) => process.send?.(report);

try {
  const { receiver, ...options } = JSON.parse(process.argv[2] ?? '') as ServeOptions;
  const edgemint = await startEdgemint({ ...options, ...(receiver !== undefined && { network: forwardTo(receiver) }) });
  process.on('disconnect', () => void edgemint.stop().finally(() => process.exit()));
  const database = await edgemint.database();
  const carryOut = async (order: Order) => {
    if ('sql' in order) return (await database.prepare(order.sql).all()).results;
    await edgemint.runScheduled();
    return [];
  };
  let last = Promise.resolve();
  process.on('message', (order: Order) => {
    last = last
      .then(async () => void tell({ rows: await carryOut(order) }))
      .catch((error: unknown) => void tell({ failure: String(error) }));
  });
  tell({ ready: true });
} catch (error) {
  tell({ failure: String(error) });
  process.exitCode = 1;
}

function forwardTo(origin: string): Network {
  return (incoming, response) => {
    const { method, url, headers } = incoming;
    const forwarded = request(new URL(url ?? '/', origin), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      void pipeline(answer, response).catch(() => undefined);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    void pipeline(incoming, forwarded).catch(() => undefined);
  };
}
