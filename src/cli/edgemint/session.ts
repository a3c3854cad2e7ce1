import type { Command } from 'commander';
import { Api } from './api.ts';
import { type Connection, type ConnectionOptions, findConnection } from './connection.ts';
import { note, print, printJson, record } from './output.ts';
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
    .option('--no-wait', 'do not wait until a large change has reached all that it touches');
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
    return new Api(await this.connection(needsKey), this.options.wait ? showProgress : undefined);
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

function showProgress({ gates, delivered, status }: Change): void {
  note(status === 'delivered' ? `Delivered to all ${gates}.` : `Delivering: ${delivered} of ${gates} …`);
}
