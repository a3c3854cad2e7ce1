import { homedir, userInfo } from 'node:os';
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
  /** The home directory of the user; empty if there is none, as for a user without an account in a container. */
  readonly home: string;
  /** Emits `SIGINT` and `SIGTERM`. */
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'once' | 'off'>;
  sleep(milliseconds: number): Promise<void>;
}

/** Runs one command of the command line, and returns its exit code. */
export type RunCommand = (args: readonly string[], io: Io) => Promise<number>;

/** An empty HOME is none: files must not land in the working directory. */
function homeDirectory(): string {
  for (const read of [homedir, () => userInfo().homedir]) {
    try {
      const home = read();
      if (home !== '') return home;
    } catch {
      // The user has no account.
    }
  }
  return '';
}

/** Returns the streams, environment and signals of this process. */
export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  return {
    stdin,
    stdout,
    stderr,
    env,
    home: homeDirectory(),
    signals: process,
    sleep: (milliseconds) => sleep(milliseconds),
  };
}
