import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { EXIT_DRIFT, SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import type { Api } from '../api.ts';
import { type Follower, type NewClient, type NewSecret, type NewWebhook, takeSteps } from '../declaration/apply.ts';
import { authenticationComplaints } from '../declaration/authentication.ts';
import { renameItems } from '../declaration/moved.ts';
import { type Action, planActions } from '../declaration/plan.ts';
import { type DeclarationFile, readDeclaration } from '../declaration/read.ts';
import { findComplaints } from '../declaration/references.ts';
import { readRemote, readTouched } from '../declaration/remote.ts';
import { lacksAudiences, withAudiences } from '../declaration/schema.ts';
import { readSecrets, type Secrets } from '../declaration/secrets.ts';
import { planAsJson, planWarnings, showPlan } from '../declaration/show-plan.ts';
import { orderSteps } from '../declaration/steps.ts';
import { table } from '../output.ts';
import { describePlace } from '../place.ts';
import { ProgressBar } from '../progress-bar.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

interface ApplyOptions {
  readonly file: string;
  readonly shared?: boolean;
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly exitCode?: boolean;
  readonly secretsFile?: string;
  readonly substitute?: boolean;
}

export function addApply(program: Command): void {
  const command = program
    .command('apply')
    .description('apply a file: show what it would change, ask, and change it')
    .requiredOption('-f, --file <file>', 'resource servers, roles, clients and webhooks, in YAML or JSON (- for stdin)')
    .option(
      '--shared',
      'apply to the items that all organizations share, and to the webhooks of the instance (root key only)',
    )
    .option('--prune', 'delete items that are not in the file, in the sections that the file has')
    .option('--dry-run', 'show the plan and change nothing')
    .option('--exit-code', `with --dry-run: exit with ${EXIT_DRIFT} if the plan is not empty`)
    .option('--substitute', `replace each \${NAME} in the file by the environment variable NAME`)
    .option(
      '--secrets-file <file>',
      'write the secrets of new clients and webhooks to a new file, one JSON object per line',
    );
  command.action(async () => {
    const session = new Session(command);
    const options = command.opts<ApplyOptions>();
    const file = readDeclaration(
      await readText(options.file, session.terminal),
      options.file === '-' ? 'stdin' : options.file,
      options.substitute ? session.terminal.env : undefined,
    );
    if (options.shared && file.declaration.clients.length > 0) {
      throw file.refuse([
        {
          path: ['clients'],
          message: 'Clients always belong to one organization. Remove them from the file, or apply without --shared.',
        },
      ]);
    }
    const api = await session.api();
    const actions = await plan(api, file, options);
    const folder = options.file === '-' ? '.' : dirname(options.file);
    const { secrets, complaints } = await readSecrets(actions, session.terminal.env, folder);
    // A machine that only plans need not have the secrets.
    if (complaints.length > 0 && options.dryRun) session.terminal.note(file.refuse(complaints).message);
    else if (complaints.length > 0) throw file.refuse(complaints);
    if (actions.length === 0 || options.dryRun) {
      if (session.json) session.terminal.printJson({ plan: planAsJson(actions), applied: false });
      else await showAll(session, api, actions, options);
      if (options.exitCode && options.dryRun && actions.length > 0) session.terminal.exitCode = EXIT_DRIFT;
      return;
    }
    await showAll(session, api, actions, options);
    await session.terminal.confirm('Apply this?', session.options.yes ?? false);
    await apply(session, api, actions, secrets, options);
  });
}

async function readText(file: string, terminal: Terminal): Promise<string> {
  try {
    return file === '-' ? await terminal.readInput() : await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`${file} could not be read: ${messageOf(error)}`);
  }
}

/** Shows a plan: where it would be applied, what it does, and what the user should know before. */
async function showAll(
  session: Session,
  api: Api,
  actions: readonly Action[],
  { shared }: ApplyOptions,
): Promise<void> {
  const { terminal, json } = session;
  terminal.note(shared ? `Server ${api.url}, the items that all organizations share` : await describePlace(api));
  const plan = showPlan(actions, terminal.screen.style) || 'There is nothing to do.';
  if (json) terminal.note(plan);
  else terminal.print(plan);
  for (const warning of planWarnings(actions, Date.now())) terminal.warn(warning);
}

/** @throws Failure with the complaints about the file */
async function plan(
  api: Api,
  { declaration: declared, sections, refuse }: DeclarationFile,
  options: ApplyOptions,
): Promise<Action[]> {
  const declaration = lacksAudiences(declared) ? withAudiences(declared, await api.issuer()) : declared;
  const pruned = options.prune ? sections : [];
  const { moved } = declaration;
  const listed = await readRemote(api, options.shared ?? false, sections.includes('webhooks'));
  const touched = planActions(declaration, renameItems(listed.own, moved), pruned);
  const fresh = await readTouched(api, listed, touched);
  const [own, shared] = [renameItems(fresh.own, moved), fresh.shared];
  const actions = planActions(declaration, own, pruned);
  const hasIdentities = declaration.clients.some(({ federated_identities }) => federated_identities.length > 0);
  const complaints = [
    ...findComplaints(declaration, own, shared, pruned, Date.now()),
    ...(await authenticationComplaints(declaration, actions, hasIdentities ? await api.issuer() : '')),
  ];
  if (complaints.length > 0) throw refuse(complaints);
  return actions;
}

async function apply(
  session: Session,
  api: Api,
  actions: readonly Action[],
  secrets: Secrets,
  options: ApplyOptions,
): Promise<void> {
  const createsSecrets = actions.some(
    (action) =>
      action.do === 'create' &&
      ((action.section === 'clients' && !secrets.has(action.imported?.client_id ?? '')) ||
        action.section === 'webhooks'),
  );
  const steps = orderSteps(actions);
  const bar = new ProgressBar(session.terminal.io.stderr, steps.length);
  const { signals } = session.terminal.io;
  const { secretsFile } = options;
  const secretsHandle = secretsFile !== undefined && createsSecrets ? await createSecretsFile(secretsFile) : undefined;
  const clients: NewClient[] = [];
  const webhooks: NewWebhook[] = [];
  let isStopping = false;
  const stop = () => {
    isStopping = true;
    session.terminal.note('Stopping after this step …');
  };
  const follower: Follower = {
    done: (sentence) =>
      bar.step(() => (session.json ? session.terminal.note(`${sentence}.`) : session.done(`${sentence}.`))),
    created: async (secret) => {
      // A secret that is not in the file must be shown: the server never shows it again.
      const isKept = secretsHandle?.appendFile(`${JSON.stringify(secret)}\n`).then(
        () => true,
        (error: unknown) =>
          session.terminal.note(
            `The secret of ${subjectOf(secret)} could not be written to ${secretsFile}: ${messageOf(error)}`,
          ),
      );
      if (await isKept) return;
      if ('client_id' in secret) clients.push(secret);
      else webhooks.push(secret);
    },
    get isStopping() {
      return isStopping;
    },
  };
  let applied = false;
  // Show the secrets that were created so far, even after an error: the server never shows them again.
  signals.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await takeSteps(api, steps, options.shared ?? false, secrets, follower);
    applied = true;
  } finally {
    bar.clear();
    await secretsHandle?.close();
    signals.off('SIGINT', stop).off('SIGTERM', stop);
    if (session.json) session.terminal.printJson({ plan: planAsJson(actions), applied, clients, webhooks });
    else if (clients.length + webhooks.length > 0) showSecrets(session.terminal, clients, webhooks);
    if (secretsHandle) session.terminal.note(`The new secrets are in ${secretsFile}.`);
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
    const reason = exists
      ? 'already exists. Name a new file for the secrets'
      : `could not be created: ${messageOf(error)}`;
    throw new Failure(`${file} ${reason}. Nothing was done.`);
  }
}

function subjectOf(secret: NewSecret): string {
  return 'client_id' in secret ? secret.client_name : secret.webhook_name;
}

function showSecrets(terminal: Terminal, clients: readonly NewClient[], webhooks: readonly NewWebhook[]): void {
  const rows = clients.map(({ client_name, client_id, client_secret }) => [client_name, client_id, client_secret]);
  if (rows.length > 0) terminal.print(`\n${table(['client_name', 'client_id', 'client_secret'], rows)}`);
  const others = webhooks.map(({ webhook_name, webhook_id, signing_secret }) => [
    webhook_name,
    webhook_id,
    signing_secret,
  ]);
  if (others.length > 0) terminal.print(`\n${table(['webhook_name', 'webhook_id', 'signing_secret'], others)}`);
  terminal.note('Store these secrets now. They are not shown again.');
}
