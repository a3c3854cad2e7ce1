import { readFile, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { EXIT_INTERRUPTED } from '../constants.ts';
import { Failure } from '../failure.ts';
import { runMain } from '../main.ts';
import { accountIdOf, readAccountState } from './account.ts';
import { checkDeployment, isIssuerOf } from './check.ts';
import { checkMigrations, readMigrations } from './check-migrations.ts';
import { checkedLine, keysLines, nextLines } from './conclusion.ts';
import { type Configuration, configurationFor, hasRoutes, parseConfiguration } from './configuration.ts';
import { noteOwner, readKeysFile, refuseOtherOwner } from './keys-file.ts';
import { checkIssuer, defaultKeysFile, HELP, type Options, readOptions } from './options.ts';
import { type AccountState, planDeployment } from './plan.ts';
import { type Deployment, takeStep, tryDeploy } from './steps.ts';
import { refuseTakenHost } from './taken-host.ts';
import type { Target } from './target.ts';

/** `npm run deploy`: deploys a first version to an account, or upgrades to this version. docs/deploy.md describes each step. */
async function deploy(): Promise<void> {
  const given = readOptions(process.argv.slice(2), process.env);
  if (given.mode === 'help') return console.log(HELP);
  const migrations = await readMigrations('migrations');
  const complaints = checkMigrations(migrations);
  if (complaints.length > 0) throw new Failure(complaints.join('\n'));

  const tracked = parseConfiguration(await readFile('wrangler.toml', 'utf8'));
  const options = { ...given, connectsDomain: given.connectsDomain && !hasRoutes(tracked) };
  const configure = (domain: string | undefined) => configurationFor(tracked, { ...options, domain });
  const named = configure(domainOf(options.issuer, options.connectsDomain));
  if (options.mode === 'print configuration') return console.log(JSON.stringify(named, null, 2));

  const file = `wrangler.${named.name}.generated.json`;
  const write = (configuration: Configuration) => writeFile(file, `${JSON.stringify(configuration, null, 2)}\n`);
  const config = ['--config', file];
  try {
    await write(named);
    if (options.mode === 'dry run') return await tryDeploy({ config });
    const { jurisdiction } = options;
    const names = migrations.map(({ name }) => name);
    const target: Target = { configuration: named, config, domain: undefined, jurisdiction, migrations: names };
    const account = await readAccountState(target);
    const { issuer, domain } = await chooseIssuer(options, account);
    refuseOtherJurisdiction(options, account);
    // Of a first deployment that was interrupted, the host may lead to this Worker already.
    const isNew = !account.secrets.includes('ISSUER') && account.note?.issuer !== issuer;
    if (domain !== undefined && isNew && !options.replacesDomain) await refuseTakenHost(domain);
    const configuration = configure(domain);
    await write(configuration);
    await carryOut({ ...target, configuration, domain }, issuer, account, options);
  } finally {
    await rm(file, { force: true });
  }
}

interface Choice {
  /** undefined: the address that the Worker gets, or unknown for a deployment that has an issuer. */
  readonly issuer: string | undefined;
  readonly domain: string | undefined;
}

/** Returns the issuer that the first deployment fixed, or the one to fix now. @throws Failure if none can be chosen */
async function chooseIssuer({ issuer, connectsDomain }: Options, account: AccountState): Promise<Choice> {
  if (account.secrets.includes('ISSUER')) {
    const { note } = account;
    if (note) {
      if (issuer && issuer !== note.issuer) sayIssuerIsFixed(issuer, note.issuer);
      return { issuer: note.issuer, domain: domainOf(note.issuer, note.domain && connectsDomain) };
    }
    if (!issuer) return { issuer: undefined, domain: undefined };
    if (await isIssuerOf(issuer)) return { issuer, domain: domainOf(issuer, connectsDomain) };
    sayIssuerIsFixed(issuer, undefined);
    return { issuer: undefined, domain: undefined };
  }
  const chosen = issuer ?? (await askIssuer());
  return { issuer: chosen, domain: domainOf(chosen, connectsDomain) };
}

function sayIssuerIsFixed(issuer: string, fixed: string | undefined): void {
  const known = fixed === undefined ? '' : ` as ${fixed}`;
  console.log(`The first deployment fixed the issuer${known}. ${issuer} is not used; docs/deploy.md says how to move.`);
}

/** Returns the host that becomes a custom domain of the Worker. */
function domainOf(issuer: string | undefined, connects: boolean): string | undefined {
  if (issuer === undefined || !connects) return undefined;
  const { host } = new URL(issuer);
  return host.endsWith('.workers.dev') ? undefined : host;
}

/** @returns undefined if the user leaves it to the address that the Worker gets @throws Failure if there is no terminal to ask at */
async function askIssuer(): Promise<string | undefined> {
  if (!process.stdin.isTTY) {
    throw new Failure(
      'The first deployment needs --issuer <url>: every token names it, and it can never change. For the workers.dev address of the account, use https://<worker>.<subdomain>.workers.dev.',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.once('SIGINT', () => process.exit(EXIT_INTERRUPTED));
  console.log('The issuer is the public URL of the service. Every token names it, and it can never change.');
  const answer = (await terminal.question('Issuer (empty for the workers.dev URL of your account): ')).trim();
  terminal.close();
  if (answer === '') return undefined;
  checkIssuer(answer);
  return answer;
}

/** @throws Failure if the option asks for another place than the first deployment chose */
function refuseOtherJurisdiction({ jurisdiction }: Options, { secrets, databaseExists }: AccountState): void {
  if (jurisdiction === undefined || secrets.includes('JURISDICTION')) return;
  if (secrets.length > 0) {
    throw new Failure(
      `--jurisdiction ${jurisdiction} is too late: the Worker's gates are elsewhere. Deploy under another name with --env, and move; docs/deploy.md says how.`,
    );
  }
  if (databaseExists) {
    console.log(`The database exists already. Make sure that it was created with --jurisdiction ${jurisdiction}.`);
  }
}

async function carryOut(target: Target, issuer: string | undefined, account: AccountState, options: Options) {
  const { configuration, domain } = target;
  const keysFile = options.keysFile ?? defaultKeysFile(configuration.name, process.env);
  const { keys: kept, owner } = await readKeysFile(keysFile);
  // A domain that cannot be connected must not be fixed as the issuer.
  const issuerIsReady = issuer !== undefined && domain === undefined;
  const steps = planDeployment(account, { issuerIsReady, hasMasterKey: kept.MASTER_KEY !== undefined });
  const needed = steps.flatMap((step) => (step.do === 'deploy' ? step.keys : []));
  const accountId = needed.length > 0 ? await accountIdOf(target) : undefined;
  if (needed.length > 0) {
    refuseOtherOwner(keysFile, owner, { account: accountId, issuer });
    const used = needed.filter((name) => kept[name] !== undefined);
    if (used.length > 0) console.log(`The deployment uses the ${used.join(' and the ')} of ${keysFile}.`);
  }
  let deployment: Deployment = { keysFile, account: accountId, issuer, targets: [], keys: {} };
  for (const step of steps) deployment = await takeStep(step, deployment, target);
  // A root key of another deployment is not sent to this one.
  const isOwn = owner.issuer === undefined || owner.issuer === issuer;
  await conclude(deployment, target, options, (isOwn ? kept.ROOT_API_KEY : undefined) ?? deployment.keys.ROOT_API_KEY);
}

async function conclude(
  { issuer, targets, keys, keysFile }: Deployment,
  { configuration: { name } }: Target,
  { checks, patienceMs }: Options,
  rootApiKey: string | undefined,
): Promise<void> {
  console.log(`\nDeployed ${name}.`);
  const isFirst = Object.keys(keys).length > 0;
  if (isFirst) for (const line of keysLines(keysFile, keys)) console.log(line);
  if (issuer === undefined) {
    console.log(
      'The issuer and the keys are unchanged. With --issuer <url> the service is tried out after a deployment.',
    );
    return;
  }
  const baseUrl = issuer.replace(/\/$/, '');
  const { host } = new URL(issuer);
  if (!targets.some((target) => target.includes(host))) {
    console.log(`${host} does not lead to the Worker yet. docs/deploy.md says how to connect it.`);
  }
  console.log(`Token URL: ${baseUrl}/oauth2/token`);
  if (issuer !== baseUrl) {
    console.log(`The issuer is ${issuer}, with the slash at its end: verifiers must compare with exactly this.`);
  }
  try {
    if (checks) {
      const checked = await checkDeployment(issuer, rootApiKey, patienceMs);
      console.log(checkedLine(checked));
      // The service knows the root key of the file, so the file is its own, also if an older version wrote it.
      if (checked.token === 'works') await noteOwner(keysFile, { issuer });
    }
  } finally {
    if (isFirst) for (const line of nextLines(baseUrl, keysFile)) console.log(line);
  }
}

await runMain(deploy, EXIT_INTERRUPTED);
