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
    this.option('--url <url>', 'the issuer URL of the server (or EDGEMINT_URL)')
      .option('--profile <name>', 'the profile that `edgemint login` saved (or EDGEMINT_PROFILE)')
      .option('--organization <id>', 'the organization, with the root key (or EDGEMINT_ORGANIZATION)')
      .option('--json', 'print the JSON of the API')
      .option('-y, --yes', 'agree to every question')
      .option('--no-wait', 'do not wait until a large change has propagated');
  }
}

function terminalOf(command: Command): Terminal {
  if (command instanceof Program) return command.terminal;
  if (command.parent === null) throw new TypeError(`${command.name()} is not a command of a Program`);
  return terminalOf(command.parent);
}

/** One run of a command: its options, its server and its output. */
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

  /** @throws Failure if no server is named, or no key for it */
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

  /** Asks the user to agree, unless `--yes` does. @throws Failure if the user does not, UsageError if there is no terminal */
  confirm(question: string): Promise<void> {
    return this.terminal.confirm(line(question), this.options.yes ?? false);
  }

  /** Shows one representation. */
  show(representation: unknown): void {
    if (this.json) this.terminal.printJson(representation);
    else this.terminal.print(record(Object(representation)));
  }

  /** Prints a sentence about something that has no representation. `--json` prints nothing. */
  done(sentence: string): void {
    if (!this.json) this.terminal.print(line(sentence));
  }
}

/** Shows each step of a change once. */
function progress(terminal: Terminal): (change: Change) => void {
  let shown: string | undefined;
  return (change) => {
    const step = stepOf(change);
    if (step !== shown) terminal.note(step);
    shown = step;
  };
}

function stepOf({ gates, delivered, status, settles_at }: Change): string {
  if (status === 'delivered') return gates > 0 ? `Delivered to all ${gates}.` : 'Delivered.';
  if (delivered < gates) return `Delivering: ${delivered} of ${gates} …`;
  return settles_at
    ? `Waiting until ${time(settles_at)}, when it is done everywhere …`
    : 'Waiting until KV has the change …';
}
