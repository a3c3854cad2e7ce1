import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EXIT_DRIFT, SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import type { Api } from '../api.ts';
import { type Follower, type NewClient, takeSteps } from '../declaration/apply.ts';
import { type Action, planActions } from '../declaration/plan.ts';
import { type DeclarationFile, readDeclaration } from '../declaration/read.ts';
import { findComplaints } from '../declaration/references.ts';
import { readRemote, readTouched } from '../declaration/remote.ts';
import { withAudiences } from '../declaration/schema.ts';
import { planAsJson, showPlan } from '../declaration/show-plan.ts';
import { orderSteps } from '../declaration/steps.ts';
import { table } from '../output.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

interface ApplyOptions {
  readonly file: string;
  readonly shared?: boolean;
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly exitCode?: boolean;
  readonly secretsFile?: string;
}

export function addApply(program: Command): void {
  const command = program
    .command('apply')
    .description('make of what stands what a file declares: plans, shows the plan, asks, and applies')
    .requiredOption('-f, --file <file>', 'resource servers, roles and clients, in YAML (- for stdin)')
    .option('--shared', 'with the root key: about what all organizations share, not about one of them')
    .option('--prune', 'delete what is not in the file, of the sections that are in it')
    .option('--dry-run', 'show the plan, and change nothing')
    .option('--exit-code', `with --dry-run: exit with ${EXIT_DRIFT} if there is something to do`)
    .option('--secrets-file <file>', 'write the secrets of new clients into a new file, a line of JSON for each');
  command.action(async () => {
    const session = new Session(command);
    const options = command.opts<ApplyOptions>();
    const file = readDeclaration(
      await readText(options.file, session.terminal),
      options.file === '-' ? 'stdin' : options.file,
    );
    if (options.shared && file.declaration.clients.length > 0) {
      throw file.refuse([{ path: ['clients'], message: 'A client is of one organization: --shared knows none.' }]);
    }
    const api = await session.api();
    const actions = await plan(api, file, options);
    if (actions.length === 0 || options.dryRun) {
      if (session.json) session.terminal.printJson({ plan: planAsJson(actions), applied: false });
      else session.terminal.print(showPlan(actions) || 'There is nothing to do.');
      if (options.exitCode && options.dryRun && actions.length > 0) session.terminal.exitCode = EXIT_DRIFT;
      return;
    }
    if (session.json) session.terminal.note(showPlan(actions));
    else session.terminal.print(showPlan(actions));
    await session.confirm('Apply this?');
    await apply(session, api, actions, options);
  });
}

async function readText(file: string, terminal: Terminal): Promise<string> {
  try {
    return file === '-' ? await terminal.readInput() : await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`${file} could not be read: ${messageOf(error)}`);
  }
}

/** @throws Failure with what is wrong with the file */
async function plan(
  api: Api,
  { declaration: written, sections, refuse }: DeclarationFile,
  options: ApplyOptions,
): Promise<Action[]> {
  const declaration = withAudiences(written, api.issuer);
  const pruned = options.prune ? sections : [];
  const listed = await readRemote(api, options.shared ?? false);
  const { own, shared } = await readTouched(api, listed, planActions(declaration, listed.own, pruned));
  const complaints = findComplaints(declaration, own, shared, pruned);
  if (complaints.length > 0) throw refuse(complaints);
  return planActions(declaration, own, pruned);
}

async function apply(session: Session, api: Api, actions: readonly Action[], options: ApplyOptions): Promise<void> {
  const createsClients = actions.some((action) => action.do === 'create' && action.section === 'clients');
  const { signals } = session.terminal.io;
  const { secretsFile } = options;
  const keep = secretsFile !== undefined && createsClients ? await createSecretsFile(secretsFile) : undefined;
  const created: NewClient[] = [];
  let isStopping = false;
  const stop = () => {
    isStopping = true;
    session.terminal.note('Stopping after this step …');
  };
  const follower: Follower = {
    done: (sentence) => (session.json ? session.terminal.note(`${sentence}.`) : session.done(`${sentence}.`)),
    created: async (client) => {
      // What the file does not take is shown, like that for which there is none.
      const kept = keep?.appendFile(`${JSON.stringify(client)}\n`).then(
        () => true,
        (error: unknown) => session.terminal.note(`The secret could not be written: ${messageOf(error)}`),
      );
      if (!(await kept)) created.push(client);
    },
    get isStopping() {
      return isStopping;
    },
  };
  let applied = false;
  // Whatever happens on the way, the secrets of what was created by then are shown: nobody can ask for them again.
  signals.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await takeSteps(api, orderSteps(actions), options.shared ?? false, follower);
    applied = true;
  } finally {
    await keep?.close();
    signals.off('SIGINT', stop).off('SIGTERM', stop);
    if (session.json) session.terminal.printJson({ plan: planAsJson(actions), applied, clients: created });
    else if (created.length > 0) showSecrets(session.terminal, created);
    if (keep) session.terminal.note(`The secrets of the new clients are in ${secretsFile}.`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function createSecretsFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', SECRET_FILE_MODE);
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const reason = exists ? 'is there already: secrets go into a new file' : 'could not be made';
    throw new Failure(`${file} ${reason}. Nothing was done.`);
  }
}

function showSecrets(terminal: Terminal, clients: readonly NewClient[]): void {
  const rows = clients.map(({ client_name, client_id, client_secret }) => [client_name, client_id, client_secret]);
  terminal.print(`\n${table(['client_name', 'client_id', 'client_secret'], rows)}`);
  terminal.note('The secrets are shown this once: keep them now.');
}
