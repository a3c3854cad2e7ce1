import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireUnused } from './account.ts';
import { SECRET_FILE_MODE } from './constants.ts';
import type { GeneratedSecret, IssuerSetting, Step } from './deployment-plan.ts';
import { Failure } from './failure.ts';
import { generateMasterKey, generateRootApiKey } from './variables.ts';
import { showWrangler, wrangler } from './wrangler.ts';

const GENERATORS: Readonly<Record<GeneratedSecret, () => string>> = {
  MASTER_KEY: generateMasterKey,
  ROOT_API_KEY: generateRootApiKey,
};

/** The value of ISSUER until the issuer is known. It is not a URL, so the Worker refuses to serve. */
const NO_ISSUER_YET = 'not-known-yet';

export interface Deployment {
  /** The database's name. */
  readonly database: string;
  /** The issuer, if this deployment sets it. */
  readonly issuer: string | undefined;
  /** The URLs, domains and routes that lead to the Worker, in the words of wrangler. */
  readonly targets: readonly string[];
}

/** Carries out one step of the plan. @throws Failure if it fails */
export async function takeStep(step: Step, before: Deployment): Promise<Deployment> {
  const { database } = before;
  switch (step.do) {
    case 'create database':
      await wrangler('create the database', ['d1', 'create', database]);
      return before;
    case 'apply migrations':
      await showWrangler('apply the migrations', ['d1', 'migrations', 'apply', 'DB', '--remote']);
      return before;
    case 'require an unused database':
      await requireUnused(database);
      return before;
    case 'deploy': {
      const issuer = step.issuer === 'set' ? (before.issuer ?? workersDevUrl(before.targets)) : undefined;
      return { database, issuer, targets: await deployWorker(step.generate, step.issuer, issuer) };
    }
  }
}

async function deployWorker(
  generate: readonly GeneratedSecret[],
  setting: IssuerSetting,
  issuer: string | undefined,
): Promise<readonly string[]> {
  const secrets: Record<string, string> = {};
  for (const name of generate) secrets[name] = GENERATORS[name]();
  if (issuer !== undefined) secrets.ISSUER = issuer;
  try {
    return await runDeploy(secrets, setting === 'withhold' ? ['--var', `ISSUER:${NO_ISSUER_YET}`] : []);
  } finally {
    // Shown after a failure as well: the Worker may have received its secrets before it.
    if (secrets.ROOT_API_KEY) console.log(`\nRoot API key (shown only once): ${secrets.ROOT_API_KEY}\n`);
  }
}

/** Runs wrangler's dry run: everything that works without an account. Nothing leaves this machine. @throws Failure if it fails */
export async function tryDeploy(): Promise<void> {
  const placeholders = { ISSUER: 'https://auth.example.com', MASTER_KEY: 'placeholder', ROOT_API_KEY: 'placeholder' };
  await runDeploy(placeholders, ['--dry-run']);
}

async function runDeploy(secrets: Readonly<Record<string, string>>, args: readonly string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'edgemint-deploy-'));
  try {
    const report = join(directory, 'report.ndjson');
    const file = join(directory, 'secrets.json');
    await writeFile(file, JSON.stringify(secrets), { mode: SECRET_FILE_MODE });
    const withSecrets = Object.keys(secrets).length > 0 ? ['--secrets-file', file] : [];
    await showWrangler('deploy', ['deploy', ...args, ...withSecrets], { WRANGLER_OUTPUT_FILE_PATH: report });
    return readTargets(await readFile(report, 'utf8').catch(() => ''));
  } finally {
    await rm(directory, { recursive: true });
  }
}

function readTargets(report: string): string[] {
  const lines = report.split('\n').filter((line) => line !== '');
  const entries: { type: string; targets?: string[] }[] = lines.map((line) => JSON.parse(line));
  return entries.find(({ type }) => type === 'deploy')?.targets ?? [];
}

function workersDevUrl(targets: readonly string[]): string {
  const url = targets.find((target) => target.endsWith('.workers.dev'));
  if (!url) throw new Failure('The Worker has no workers.dev URL. Deploy again with --issuer <url>.');
  return url;
}
