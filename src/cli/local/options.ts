import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure } from '../failure.ts';
import { readPort } from '../local-port.ts';

/** The options of `npm start`. */
export interface LocalOptions {
  readonly port: number;
  /** The address that it listens on. */
  readonly host: string;
  /** The declaration file that takes the place of the demo. */
  readonly seed: string | undefined;
  /** Whether the data of earlier starts is deleted first. */
  readonly fresh: boolean;
  readonly help: boolean;
}

export const LOCAL_HELP = `Serves Edgemint on this machine, with data of its own and a demo to try.

  npm start -- [options]

  --port <port>   the port, 8787 by default (or PORT)
  --host <host>   the address to listen on, localhost by default (or HOST); 0.0.0.0 for all of this machine
  --seed <file>   apply this declaration file instead of making the demo. Its clients may have a client_id and a
                  client_secret, written out, so that other projects' tests know them
  --fresh         delete the data of earlier starts first
  --help          print this`;

/** @throws Failure that names the option */
export function readLocalOptions(args: readonly string[], env: NodeJS.ProcessEnv): LocalOptions {
  const { help, ...values } = parse(args);
  return { ...localOptions(values, env), help: help ?? false };
}

/** The options as they were written. */
export interface LocalValues {
  readonly port?: string | undefined;
  readonly host?: string | undefined;
  readonly seed?: string | undefined;
  readonly fresh?: boolean | undefined;
}

/** @throws Failure that names the option */
export function localOptions(
  { port, host, seed, fresh }: LocalValues,
  env: Readonly<Record<string, string | undefined>>,
): Omit<LocalOptions, 'help'> {
  return {
    port: readPort(port ?? env.PORT),
    host: readHost(host ?? (env.HOST || 'localhost')),
    seed: seed === undefined ? undefined : resolve(seed),
    fresh: fresh ?? false,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const options = { port: text, host: text, seed: text, fresh: flag, help: { ...flag, short: 'h' } } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new Failure(`${error instanceof Error ? error.message : error} npm start -- --help lists the options.`);
  }
}

const HOSTS: readonly string[] = ['localhost', '127.0.0.1', '0.0.0.0', '::'];

function readHost(host: string): string {
  // The issuer is at localhost, so that must be among the addresses.
  if (HOSTS.includes(host)) return host;
  throw new Failure(`HOST ${host} cannot be used: use localhost, or 0.0.0.0 for all addresses of this machine.`);
}
