import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireUnused } from './account.ts';
import type { GeneratedSecret, IssuerSetting, Step } from './deployment-plan.ts';
import { Failure } from './failure.ts';
import { generateMasterKey, generateRootApiKey } from './variables.ts';
import { showWrangler, wrangler } from './wrangler.ts';

const GENERATORS: Readonly<Record<GeneratedSecret, () => string>> = {
  MASTER_KEY: generateMasterKey,
  ROOT_API_KEY: generateRootApiKey,
};

/** What the Worker is told as ISSUER while it has none: no URL, so it refuses to serve. */
const NO_ISSUER_YET = 'not-known-yet';

export interface Deployment {
  /** The database's name. */
  readonly database: string;
  /** Where it was set: the issuer. */
  readonly issuer: string | undefined;
  /** What leads to the Worker: URLs, domains and routes, as wrangler tells them. */
  readonly targets: readonly string[];
}

/** Takes a step of the plan. @throws Failure */
export async function take(step: Step, soFar: Deployment): Promise<Deployment> {
  const { database } = soFar;
  switch (step.do) {
    case 'create database':
      await wrangler('create the database', ['d1', 'create', database]);
      return soFar;
    case 'apply migrations':
      await showWrangler('apply the migrations', ['d1', 'migrations', 'apply', 'DB', '--remote']);
      return soFar;
    case 'require an unused database':
      await requireUnused(database);
      return soFar;
    case 'deploy': {
      const issuer = step.issuer === 'set' ? (soFar.issuer ?? workersDevUrl(soFar.targets)) : undefined;
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
    // Told even after a failure: the Worker may have taken the secrets before it.
    if (secrets.ROOT_API_KEY) console.log(`\nRoot API key, shown this once: ${secrets.ROOT_API_KEY}\n`);
  }
}

/** All that can be tried without an account; nothing leaves this machine. @throws Failure */
export async function tryDeploy(): Promise<void> {
  const placeholders = { ISSUER: 'https://auth.example.com', MASTER_KEY: 'placeholder', ROOT_API_KEY: 'placeholder' };
  await runDeploy(placeholders, ['--dry-run']);
}

async function runDeploy(secrets: Readonly<Record<string, string>>, args: readonly string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'edgemint-deploy-'));
  try {
    const report = join(directory, 'report.ndjson');
    const file = join(directory, 'secrets.json');
    await writeFile(file, JSON.stringify(secrets), { mode: 0o600 });
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
  if (!url) throw new Failure('The Worker has no workers.dev URL: deploy again, and name the issuer with --issuer.');
  return url;
}
