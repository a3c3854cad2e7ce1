import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { readConfig } from '../platform/config.ts';
import { databaseName, readAccountState } from './account.ts';
import { checkMigrations, readMigrations } from './check-migrations.ts';
import { EXIT_INTERRUPTED } from './constants.ts';
import { type Deployment, takeStep, tryDeploy } from './deployment.ts';
import { planDeployment } from './deployment-plan.ts';
import { Failure } from './failure.ts';
import { runMain } from './main.ts';
import { generateMasterKey, generateRootApiKey } from './variables.ts';

/** `npm run deploy`: deploys a first version to an account, or upgrades to this version. docs/deploy.md describes each step. */
async function deploy(): Promise<void> {
  const options = readOptions();
  const complaints = checkMigrations(await readMigrations('migrations'));
  if (complaints.length > 0) throw new Failure(complaints.join('\n'));
  if (options.dryRun) return tryDeploy();
  if (options.issuer) checkIssuer(options.issuer);

  const database = await databaseName();
  const account = await readAccountState(database);
  const isFixed = account.secrets.includes('ISSUER');
  if (isFixed && options.issuer) {
    console.log(`The first deployment fixed the issuer. ${options.issuer} is not used.`);
  }
  const issuer = isFixed ? undefined : (options.issuer ?? (await askIssuer()));

  let deployment: Deployment = { database, issuer, targets: [] };
  for (const step of planDeployment(account, issuer !== undefined)) deployment = await takeStep(step, deployment);
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
    throw new Failure(
      `${error instanceof Error ? error.message : error} The options are --issuer <url> and --dry-run.`,
    );
  }
}

/** @throws Failure, ConfigurationError */
function checkIssuer(issuer: string): void {
  if (issuer.startsWith('http:'))
    throw new Failure(`ISSUER is malformed: ${issuer} must be an https URL to be deployed.`);
  readConfig({ ISSUER: issuer, MASTER_KEY: generateMasterKey(), ROOT_API_KEY: generateRootApiKey() });
}

/** @returns undefined if the user leaves it to the address that the Worker gets, or if there is no terminal to ask at */
async function askIssuer(): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.once('SIGINT', () => process.exit(EXIT_INTERRUPTED));
  console.log('The issuer is the public URL of the service. Every token names it, and it can never change.');
  const answer = (await terminal.question('Issuer (empty for the workers.dev URL of your account): ')).trim();
  terminal.close();
  if (answer === '') return undefined;
  checkIssuer(answer);
  return answer;
}

function conclude({ issuer, targets }: Deployment): void {
  if (issuer === undefined) {
    console.log('\nDeployed. The issuer and the secrets are unchanged.');
    return;
  }
  const { host } = new URL(issuer);
  if (!targets.some((target) => target.includes(host))) {
    console.log(`${host} does not lead to the Worker yet. docs/deploy.md says how to connect it.`);
  }
  const baseUrl = issuer.replace(/\/$/, '');
  console.log(`Token URL: ${baseUrl}/oauth2/token`);
  if (issuer !== baseUrl) {
    console.log(`The issuer is ${issuer}, with the slash at its end: verifiers must compare with exactly this.`);
  }
}

await runMain(deploy, EXIT_INTERRUPTED);
