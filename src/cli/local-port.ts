import { createServer } from 'node:net';
import { DEFAULT_PORT, MAX_PORT } from './constants.ts';
import { Failure } from './failure.ts';

/** Parses the value of `PORT`. @throws Failure if it is not a port */
export function readPort(text: string | undefined): number {
  if (!text) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > MAX_PORT) {
    throw new Failure(`PORT ${text} is malformed: it must be a number from 1 to ${MAX_PORT}.`);
  }
  return port;
}

/** @throws Failure if a process already listens on the port at an address, or this machine does not have the address */
export async function requireFreePort(port: number, address = 'localhost'): Promise<void> {
  // "localhost" means both addresses, and either may be taken.
  for (const host of address === 'localhost' ? ['127.0.0.1', '::1'] : [address]) {
    if (await isTaken(port, host)) {
      throw new Failure(
        `Port ${port} is in use. Stop the process that listens on it, or choose another port with PORT.`,
      );
    }
  }
}

/** Returns the first port that no process listens on, from this one upward. @throws Failure if there is none */
export async function findFreePort(from: number): Promise<number> {
  for (let port = from; port <= MAX_PORT; port++) {
    if (!(await isTaken(port, '127.0.0.1')) && !(await isTaken(port, '::1'))) return port;
  }
  throw new Failure('No port is free for the example. Choose a lower port with PORT.');
}

function isTaken(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES')
        reject(new Failure(`This user may not listen on port ${port}. Choose another port with PORT.`));
      else if (error.code === 'EADDRNOTAVAIL' && host !== '::1')
        reject(new Failure(`This machine does not have the address ${host}. Choose another one with HOST.`));
      else resolve(error.code === 'EADDRINUSE');
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
