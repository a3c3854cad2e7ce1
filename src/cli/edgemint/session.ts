import type { Command } from 'commander';
import { Api } from './api.ts';
import { type Connection, type ConnectionOptions, findConnection } from './connection.ts';
import { note, print, printJson, record, time } from './output.ts';
import { line } from './printable.ts';
import type { Change } from './representations.ts';
import { confirm } from './terminal.ts';

interface SharedOptions extends ConnectionOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly wait: boolean;
}

/** The options that every command takes; before or behind its name. */
export function addSharedOptions(program: Command): void {
  program
    .option('--url <url>', 'the issuer of the server; also EDGEMINT_URL')
    .option('--profile <name>', 'what `edgemint login` kept under this name; also EDGEMINT_PROFILE')
    .option('--organization <id>', 'with the root key: the organization; also EDGEMINT_ORGANIZATION')
    .option('--json', 'print the API’s JSON')
    .option('-y, --yes', 'ask nothing')
    .option('--no-wait', 'do not wait for a change that goes on after its answer');
}

/** One run of a command: its options, its server, and how it shows what it gets. */
export class Session {
  readonly options: SharedOptions;

  constructor(command: Command) {
    this.options = command.optsWithGlobals<SharedOptions>();
  }

  get json(): boolean {
    return this.options.json ?? false;
  }

  /** @throws Failure where there is no server, or no key for it */
  connection(needsKey = true): Promise<Connection> {
    return findConnection(this.options, needsKey);
  }

  /** @throws Failure */
  async api(needsKey = true): Promise<Api> {
    return new Api(await this.connection(needsKey), this.options.wait ? progress() : undefined);
  }

  /** Asks, unless --yes agreed to all. @throws Failure where the answer is no, UsageError where nobody can be asked */
  confirm(question: string): Promise<void> {
    return confirm(line(question), this.options.yes ?? false);
  }

  /** Shows one representation. */
  show(representation: unknown): void {
    if (this.json) printJson(representation);
    else print(record(Object(representation)));
  }

  /** Says that something without a representation was done. */
  done(sentence: string): void {
    if (!this.json) print(line(sentence));
  }
}

/** Tells of each step of a change once. */
function progress(): (change: Change) => void {
  let told: string | undefined;
  return (change) => {
    const step = stepOf(change);
    if (step !== told) note(step);
    told = step;
  };
}

function stepOf({ gates, delivered, status, settles_at }: Change): string {
  if (status === 'delivered') return gates > 0 ? `Delivered to all ${gates}.` : 'Delivered.';
  if (delivered < gates) return `Delivering: ${delivered} of ${gates} …`;
  return settles_at ? `Done everywhere at ${time(settles_at)}: waiting …` : 'Waiting until KV has heard …';
}
