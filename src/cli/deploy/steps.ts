import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECRET_FILE_MODE } from '../constants.ts';
import { Failure } from '../failure.ts';
import { showWrangler } from '../wrangler.ts';
import { createDatabase, NOTE_VARIABLE, requireMasterKey, requireUnused } from './account.ts';
import { ensureKeys, type Keys, noteOwner } from './keys-file.ts';
import type { DeploymentNote, IssuerSetting, Step } from './plan.ts';
import type { Target } from './target.ts';

/** The value of ISSUER until the issuer is known. It is not a URL, so the Worker refuses to serve. */
const NO_ISSUER_YET = 'not-known-yet';

export interface Deployment {
  /** The file with the keys. */
  readonly keysFile: string;
  /** The id of the Cloudflare account, if it is known. */
  readonly account: string | undefined;
  /** The issuer, if it is known. */
  readonly issuer: string | undefined;
  /** The URLs, domains and routes that lead to the Worker, in the words of wrangler. */
  readonly targets: readonly string[];
  /** The keys that this run has given to the Worker. */
  readonly keys: Keys;
}

/** Carries out one step of the plan. @throws Failure if it fails */
export async function takeStep(step: Step, before: Deployment, target: Target): Promise<Deployment> {
  switch (step.do) {
    case 'create database':
      await createDatabase(target);
      return before;
    case 'apply migrations':
      await showWrangler('apply the migrations', ['d1', 'migrations', 'apply', 'DB', '--remote', ...target.config]);
      return before;
    case 'require an unused database':
      await requireUnused(target);
      return before;
    case 'require the master key of the database':
      await requireMasterKey(target, before.keysFile);
      return before;
    case 'deploy': {
      const { keysFile, account } = before;
      const worker = target.configuration.name;
      const added = await ensureKeys(keysFile, { worker, account }, step.keys, new Date());
      const keys = { ...before.keys, ...added };
      const issuer = step.issuer === 'set' ? (before.issuer ?? workersDevUrl(before.targets)) : before.issuer;
      const targets = await deployWorker(added, step.issuer, issuer, target);
      // Only now, since a deployment that fails may be repeated with another issuer.
      if (step.issuer === 'set' && Object.keys(keys).length > 0) await noteOwner(keysFile, { issuer });
      return { ...before, issuer, targets, keys };
    }
  }
}

function deployWorker(
  keys: Keys,
  setting: IssuerSetting,
  issuer: string | undefined,
  { config, jurisdiction, domain }: Target,
): Promise<readonly string[]> {
  const isFirst = keys.MASTER_KEY !== undefined;
  const secrets: Record<string, string> = {
    ...keys,
    ...(setting === 'set' && issuer !== undefined && { ISSUER: issuer }),
    // As a secret, for the same reason as ISSUER: gates in another jurisdiction are other gates.
    ...(isFirst && jurisdiction !== undefined && { JURISDICTION: jurisdiction }),
  };
  const variables: string[] = [];
  if (setting === 'withhold') variables.push('--var', `ISSUER:${NO_ISSUER_YET}`);
  if (issuer !== undefined) {
    const note: DeploymentNote = { issuer, domain: domain !== undefined };
    variables.push('--var', `${NOTE_VARIABLE}:${JSON.stringify(note)}`);
  }
  return runDeploy(secrets, [...variables, ...config]);
}

/** Runs wrangler's dry run: everything that works without an account. Nothing leaves this machine. @throws Failure if it fails */
export async function tryDeploy({ config }: Pick<Target, 'config'>): Promise<void> {
  const placeholders = { ISSUER: 'https://auth.example.com', MASTER_KEY: 'placeholder', ROOT_API_KEY: 'placeholder' };
  await runDeploy(placeholders, ['--dry-run', ...config]);
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
  return url.startsWith('https://') ? url : `https://${url}`;
}
