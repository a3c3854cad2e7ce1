import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** An input stream; `isTTY` if a person types into it. */
export interface Input extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
}

/** An output stream; `isTTY` and `columns` if it is a terminal. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The parts of the process that the command line uses. Tests pass their own and so need no process for each command. */
export interface Io {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Environment;
  /** The home directory of the user. */
  readonly home: string;
  /** Emits `SIGINT` and `SIGTERM`. */
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'once' | 'off'>;
  sleep(milliseconds: number): Promise<void>;
}

/** Runs one command of the command line, and returns its exit code. */
export type RunCommand = (args: readonly string[], io: Io) => Promise<number>;

/** Returns the streams, environment and signals of this process. */
export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  return {
    stdin,
    stdout,
    stderr,
    env,
    home: homedir(),
    signals: process,
    sleep: (milliseconds) => sleep(milliseconds),
  };
}
