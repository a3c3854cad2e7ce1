import { createServer } from 'node:net';
import { Failure } from './failure.ts';

const DEFAULT_PORT = 8787;

/** The port that `PORT` names. @throws Failure for one that is none */
export function readPort(text: string | undefined): number {
  if (!text) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new Failure('PORT is malformed: it must be a number from 1 to 65535.');
  return port;
}

/** @throws Failure where something listens on the port already */
export async function requireFreePort(port: number): Promise<void> {
  // Either of the addresses that "localhost" stands for may be the one that is taken.
  for (const host of ['127.0.0.1', '::1']) {
    if (await isTaken(port, host)) {
      throw new Failure(`Port ${port} is in use: stop what listens there, or choose another one with PORT.`);
    }
  }
}

function isTaken(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES')
        reject(new Failure(`Port ${port} may not be used here: choose another one with PORT.`));
      else resolve(error.code === 'EADDRINUSE');
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
