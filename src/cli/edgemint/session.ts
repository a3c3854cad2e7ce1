import { Command } from 'commander';
import { Api } from './api.ts';
import { type Connection, type ConnectionOptions, findConnection } from './connection.ts';
import { record, time } from './output.ts';
import { line } from './printable.ts';
import type { Change } from './representations.ts';
import type { Terminal } from './terminal.ts';

interface SharedOptions extends ConnectionOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly wait: boolean;
}

/** The root command. It carries the options that every command takes, and the terminal. */
export class Program extends Command {
  readonly terminal: Terminal;

  constructor(terminal: Terminal) {
    super('edgemint');
    this.terminal = terminal;
    this.option('--url <url>', 'the issuer of the server; also EDGEMINT_URL')
      .option('--profile <name>', 'what `edgemint login` kept under this name; also EDGEMINT_PROFILE')
      .option('--organization <id>', 'with the root key: the organization; also EDGEMINT_ORGANIZATION')
      .option('--json', 'print the API’s JSON')
      .option('-y, --yes', 'ask nothing')
      .option('--no-wait', 'do not wait for a change that goes on after its answer');
  }
}

function terminalOf(command: Command): Terminal {
  if (command instanceof Program) return command.terminal;
  if (command.parent === null) throw new TypeError(`${command.name()} is not a command of a Program`);
  return terminalOf(command.parent);
}

/** One run of a command: its options, its server, and how it shows what it gets. */
export class Session {
  readonly options: SharedOptions;
  readonly terminal: Terminal;

  constructor(command: Command) {
    this.options = command.optsWithGlobals<SharedOptions>();
    this.terminal = terminalOf(command);
  }

  get json(): boolean {
    return this.options.json ?? false;
  }

  /** @throws Failure where there is no server, or no key for it */
  connection(needsKey = true): Promise<Connection> {
    return findConnection(this.options, this.terminal.io, needsKey);
  }

  /** @throws Failure */
  async api(needsKey = true): Promise<Api> {
    return new Api(
      await this.connection(needsKey),
      this.terminal,
      this.options.wait ? progress(this.terminal) : undefined,
    );
  }

  /** Asks, unless --yes agreed to all. @throws Failure where the answer is no, UsageError where nobody can be asked */
  confirm(question: string): Promise<void> {
    return this.terminal.confirm(line(question), this.options.yes ?? false);
  }

  /** Shows one representation. */
  show(representation: unknown): void {
    if (this.json) this.terminal.printJson(representation);
    else this.terminal.print(record(Object(representation)));
  }

  /** Says that something without a representation was done. */
  done(sentence: string): void {
    if (!this.json) this.terminal.print(line(sentence));
  }
}

/** Tells of each step of a change once. */
function progress(terminal: Terminal): (change: Change) => void {
  let told: string | undefined;
  return (change) => {
    const step = stepOf(change);
    if (step !== told) terminal.note(step);
    told = step;
  };
}

function stepOf({ gates, delivered, status, settles_at }: Change): string {
  if (status === 'delivered') return gates > 0 ? `Delivered to all ${gates}.` : 'Delivered.';
  if (delivered < gates) return `Delivering: ${delivered} of ${gates} …`;
  return settles_at ? `Done everywhere at ${time(settles_at)}: waiting …` : 'Waiting until KV has heard …';
}
