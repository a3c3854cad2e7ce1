import type { Command } from 'commander';
import { Api } from './api.ts';
import { CommandLine } from './command-line.ts';
import { type Connection, type ConnectionOptions, findConnection } from './connection.ts';
import { findId } from './named.ts';
import type { Kind } from './named-kinds.ts';
import { type Columns, listing, record, time } from './output.ts';
import { describePlace } from './place.ts';
import { line } from './printable.ts';
import type { Change } from './representations.ts';
import type { Terminal } from './terminal.ts';

interface SharedOptions extends ConnectionOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly wait: boolean;
}

/** The root command. It carries the options that every command takes, and the terminal. */
export class Program extends CommandLine {
  readonly terminal: Terminal;
  /** The command that runs. */
  running: Command | undefined;

  constructor(terminal: Terminal) {
    super('edgemint');
    this.terminal = terminal;
    this.hook('preAction', (_, command) => {
      this.running = command;
      if (command instanceof CommandLine) command.refuseFaults();
    });
    this.option('--url <url>', 'the issuer URL of the server (or EDGEMINT_URL)')
      .option('--profile <name>', 'the profile that `edgemint login` saved (or EDGEMINT_PROFILE)')
      .option('--organization <organization>', 'its name or id, with the root key (or EDGEMINT_ORGANIZATION)')
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
  #api: Promise<Api> | undefined;

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

  /** @throws Failure if no server is named, or no key for it, or an organization that does not exist */
  api(needsKey = true): Promise<Api> {
    this.#api ??= this.#connect(needsKey);
    return this.#api;
  }

  async #connect(needsKey: boolean): Promise<Api> {
    const connection = await this.connection(needsKey);
    const follow = this.options.wait ? progress(this.terminal) : undefined;
    const api = new Api(connection, this.terminal, follow);
    const { organization: named } = connection;
    if (named === undefined || !needsKey) return api;
    const organization = await findId(api, 'organization', named);
    return organization === named ? api : api.within(organization);
  }

  /**
   * Returns the id of a resource that an argument names by its id or name.
   * @param organization the id of the organization that has it, if it is not that of the connection
   * @throws Failure if there is none, or several
   */
  async find(kind: Kind, text: string, organization?: string): Promise<string> {
    const api = await this.api();
    return findId(organization === undefined ? api : api.within(organization), kind, text);
  }

  /**
   * Asks the user to agree, unless `--yes` does. The question names the server and the organization.
   * @param organization the id of the organization that is affected, if it is not that of the connection
   * @throws Failure if the user does not agree, UsageError if there is no terminal
   */
  async confirm(question: string, organization?: string): Promise<void> {
    if (this.options.yes) return;
    const place = await describePlace(await this.api(), organization);
    await this.terminal.confirm(`${place}\n${line(question)}`, false);
  }

  /** Like `confirm`, for what concerns no server that the session is connected to. */
  async confirmLocally(question: string, signal?: AbortSignal): Promise<void> {
    await this.terminal.confirm(line(question), this.options.yes ?? false, signal);
  }

  /** Shows one representation. */
  show(representation: unknown): void {
    if (this.json) this.terminal.printJson(representation);
    else this.terminal.print(record(Object(representation), this.terminal.screen));
  }

  /** Shows a list as a table. */
  list<Item>(columns: Columns<Item>, items: readonly Item[]): void {
    this.terminal.print(listing(columns, items, this.terminal.screen));
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
