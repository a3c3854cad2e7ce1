import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { readConfig } from '../platform/config.ts';
import { databaseName, readStanding } from './account.ts';
import { checkMigrations, readMigrations } from './check-migrations.ts';
import { type Deployment, take, tryDeploy } from './deployment.ts';
import { planDeployment } from './deployment-plan.ts';
import { Failure } from './failure.ts';
import { runMain } from './main.ts';
import { generateMasterKey, generateRootApiKey } from './variables.ts';

/** `npm run deploy`: from an account to a running token URL, or from there to this version. docs/deploy.md tells each step by hand. */
async function deploy(): Promise<void> {
  const options = readOptions();
  const complaints = checkMigrations(await readMigrations('migrations'));
  if (complaints.length > 0) throw new Failure(complaints.join('\n'));
  if (options.dryRun) return tryDeploy();
  if (options.issuer) checkIssuer(options.issuer);

  const database = await databaseName();
  const standing = await readStanding(database);
  const isFixed = standing.secrets.includes('ISSUER');
  if (isFixed && options.issuer)
    console.log('The issuer was fixed by the first deployment: the one given is not used.');
  const issuer = isFixed ? undefined : (options.issuer ?? (await askIssuer()));

  let deployment: Deployment = { database, issuer, targets: [] };
  for (const step of planDeployment(standing, issuer !== undefined)) deployment = await take(step, deployment);
  conclude(deployment);
}

interface Options {
  readonly dryRun: boolean;
  readonly issuer: string | undefined;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean' }, issuer: { type: 'string' } } });
    return { dryRun: values['dry-run'] ?? false, issuer: values.issuer || process.env.ISSUER || undefined };
  } catch (error) {
    throw new Failure(`${error instanceof Error ? error.message : error} Known are --issuer <url> and --dry-run.`);
  }
}

/** @throws Failure, ConfigurationError */
function checkIssuer(issuer: string): void {
  if (issuer.startsWith('http:')) throw new Failure('ISSUER is malformed: a deployed issuer is an https URL.');
  readConfig({ ISSUER: issuer, MASTER_KEY: generateMasterKey(), ROOT_API_KEY: generateRootApiKey() });
}

/** @returns undefined where the address that the Worker gets is to be the issuer, or nobody is there to be asked */
async function askIssuer(): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.once('SIGINT', () => process.exit(130));
  console.log('The issuer is the public URL of the service. It stands in every token, and stays as it is.');
  const answer = (await terminal.question('Issuer (empty for the workers.dev URL of your account): ')).trim();
  terminal.close();
  if (answer === '') return undefined;
  checkIssuer(answer);
  return answer;
}

function conclude({ issuer, targets }: Deployment): void {
  if (issuer === undefined) {
    console.log('\nDeployed. The issuer and the secrets are as they were.');
    return;
  }
  const { host } = new URL(issuer);
  if (!targets.some((target) => target.includes(host))) {
    console.log(`Nothing leads from ${host} to the Worker yet: docs/deploy.md says how.`);
  }
  console.log(`Token URL: ${issuer}/oauth2/token`);
}

await runMain(deploy, 130);
