import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import { writeDeclaration } from '../../../declaration/write.ts';
import { shellWord } from '../../../lib/shell-word.ts';
import { EXIT_FAILED, SECRET_DIRECTORY_MODE, SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { authenticationComplaints } from '../declaration/authentication.ts';
import { planActions } from '../declaration/plan.ts';
import { readDeclaration } from '../declaration/read.ts';
import { findComplaints } from '../declaration/references.ts';
import { importAuth0 } from '../importers/auth0.ts';
import { importCognito } from '../importers/cognito.ts';
import type { Draft, ImportOptions } from '../importers/draft.ts';
import { readAuth0, readMappings, readValues } from '../importers/files.ts';
import { importHydra } from '../importers/hydra.ts';
import { importKeycloak } from '../importers/keycloak.ts';
import { importOkta } from '../importers/okta.ts';
import { type Report, showReport } from '../importers/report.ts';
import { Session } from '../session.ts';

const PROVIDERS = ['auth0', 'keycloak', 'cognito', 'hydra', 'okta'] as const;
type Provider = (typeof PROVIDERS)[number];

const IMPORTERS = { keycloak: importKeycloak, cognito: importCognito, hydra: importHydra, okta: importOkta };

interface Options {
  readonly output?: string;
  readonly secretsDir?: string;
  readonly newSecrets?: boolean;
  readonly audience?: string;
  readonly mappings?: string;
}

export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('write a file for `edgemint apply` from the export of another provider, and report what differs')
    .addArgument(new Argument('<provider>', 'the provider').choices(PROVIDERS))
    .argument('<file...>', 'what its own tools export: see docs/moving-in')
    .option('-o, --output <file>', 'the file to write; without it, the file goes to stdout and the report to stderr')
    .option(
      '--secrets-dir <folder>',
      'write the secrets of the export to files in this folder, and look for the others there',
    )
    .option('--new-secrets', 'give clients whose secret is not in the export a new one')
    .option('--audience <identifier>', 'the resource server of clients for which the export has none')
    .option('--mappings <file>', 'with auth0: the config.json of auth0-deploy-cli, for its ##MARKERS##');
  command.action(async (provider: Provider, files: string[]) => {
    const session = new Session(command);
    const options = command.opts<Options>();
    const draft = await readDraft(provider, files, options);
    const text = writeDeclaration(draft.declaration, draft.hasVariables);
    const report = await checked(draft, text);
    if (report.counts.clients + report.counts.resource_servers === 0) {
      session.terminal.note(showReport(report));
      session.terminal.exitCode = EXIT_FAILED;
      return session.terminal.note(`There is nothing to take. Is this an export of ${report.provider}?`);
    }
    // Ask before anything is written: a "no" leaves all files as they were.
    if (options.output !== undefined) await confirmOverwriting(session, options.output, text);
    if (options.secretsDir !== undefined)
      await mkdir(resolve(options.secretsDir), { recursive: true, mode: SECRET_DIRECTORY_MODE });
    await writeSecrets(draft, dirname(options.output ?? '.'));
    if (options.output !== undefined) await write(options.output, text);
    const next = nextCommand(draft, options.output);
    if (session.json)
      return session.terminal.printJson({ ...report, next, ...(options.output === undefined && { file: text }) });
    if (options.output === undefined) session.terminal.print(text);
    const say = options.output === undefined ? session.terminal.note : session.terminal.print;
    say.call(session.terminal, `${showReport(report)}\n\nNext: ${next}`);
  });
}

async function readDraft(provider: Provider, files: readonly string[], options: Options): Promise<Draft> {
  const importOptions: ImportOptions = {
    audience: options.audience,
    newSecrets: options.newSecrets,
    secretsFolder: options.secretsDir === undefined ? undefined : secretsFolder(options.secretsDir, options.output),
  };
  if (provider !== 'auth0')
    return IMPORTERS[provider]((await Promise.all(files.map(readValues))).flat(), importOptions);
  const [place = '', ...others] = files;
  if (others.length > 0)
    throw new Failure('Auth0 has one file or one directory for a tenant. Import others one by one.');
  const mappings = options.mappings === undefined ? {} : await readMappings(options.mappings);
  const { tenant, hasVariables } = await readAuth0(place, mappings);
  return importAuth0(tenant, importOptions, hasVariables);
}

/** Returns the folder as the declaration refers to it: `apply` takes paths from the folder of the declaration. */
function secretsFolder(folder: string, output: string | undefined): string {
  if (isAbsolute(folder)) return folder;
  return relative(dirname(resolve(output ?? 'stdout')), resolve(folder)).replaceAll('\\', '/') || '.';
}

/** Adds what `apply` would refuse to the report, so that it is known before. */
async function checked({ report, hasVariables }: Draft, text: string): Promise<Report> {
  // With variables, the file is complete only when it is applied.
  if (hasVariables) return report;
  let complaints: string[];
  try {
    const { declaration, refuse } = readDeclaration(text, 'line');
    const nothing = { resource_servers: [], roles: [], clients: [], webhooks: [] };
    const found = [
      ...findComplaints(declaration, nothing, { resource_servers: [], roles: [] }, [], Date.now()),
      ...(await authenticationComplaints(declaration, planActions(declaration, nothing, []), '')),
    ];
    complaints = found.length === 0 ? [] : refuse(found).message.split('\n');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    complaints = error.message.split('\n');
  }
  const notes = complaints.map((complaint) => ({
    outcome: 'by_hand' as const,
    subject: 'the file',
    text: `Correct ${complaint}`,
  }));
  return { ...report, notes: [...report.notes, ...notes] };
}

async function writeSecrets({ secrets }: Draft, folder: string): Promise<void> {
  for (const { reference, value } of secrets) {
    if (!('file' in reference)) continue;
    const file = resolve(folder, reference.file);
    await mkdir(dirname(file), { recursive: true, mode: SECRET_DIRECTORY_MODE });
    const current = await readFile(file, 'utf8').catch(() => undefined);
    if (current?.trimEnd() === value.reveal()) continue;
    if (current !== undefined) throw new Failure(`${file} has another secret. Remove it, or name another folder.`);
    await writeFile(file, `${value.reveal()}\n`, { flag: 'wx', mode: SECRET_FILE_MODE });
  }
}

async function confirmOverwriting(session: Session, file: string, text: string): Promise<void> {
  const previous = await readFile(file, 'utf8').catch(() => undefined);
  if (previous !== undefined && previous !== text)
    await session.confirmLocally(`${file} has other content. Overwrite it?`);
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new Failure(`${file} could not be written: ${error instanceof Error ? error.message : error}`);
  }
}

function nextCommand({ hasVariables }: Draft, output: string | undefined): string {
  return `edgemint apply -f ${output === undefined ? '<file>' : shellWord(output)}${hasVariables ? ' --substitute' : ''} --dry-run`;
}
