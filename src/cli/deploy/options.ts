import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { JURISDICTIONS, type Jurisdiction, readConfig } from '../../platform/config.ts';
import { CHECK_PATIENCE_MS, ENVIRONMENT_LENGTH_MAX } from '../constants.ts';
import { Failure } from '../failure.ts';
import { generateMasterKey, generateRootApiKey } from '../variables.ts';

export interface Options {
  /** The name of a deployment beside the first one, such as `staging`; undefined for the one that wrangler.toml names. */
  readonly environment: string | undefined;
  readonly issuer: string | undefined;
  /** Whether the host of the issuer becomes a custom domain of the Worker. */
  readonly connectsDomain: boolean;
  readonly jurisdiction: Jurisdiction | undefined;
  /** Whether that may take the host away from what it leads to now. */
  readonly replacesDomain: boolean;
  /** The file that holds the keys, or gets them; undefined for the default. */
  readonly keysFile: string | undefined;
  /** Whether the deployment is tried out after it. */
  readonly checks: boolean;
  /** How long the deployment has to become healthy, milliseconds. */
  readonly patienceMs: number;
  readonly mode: 'deploy' | 'dry run' | 'print configuration' | 'help';
}

export const HELP = `Deploys Edgemint to a Cloudflare account, or upgrades it to the code that is checked out.

  npm run deploy -- [options]

  --issuer <url>            the public URL of the service, such as https://auth.example.com. Every token names it, so
                            the first deployment fixes it. Its host becomes a custom domain of the Worker
  --env <name>              a deployment of its own, such as staging: Worker, database, KV and keys
  --no-domain               do not connect the issuer's host: something else leads to the Worker
  --replace-domain          take the host even if it leads somewhere already
  --jurisdiction <name>     where the database and the gates may be: ${JURISDICTIONS.join(', ')}. The first deployment fixes it
  --keys-file <file>        the file for MASTER_KEY and ROOT_API_KEY. It is created, or its keys are used
  --no-check                do not try the service out after the deployment
  --check-timeout <seconds> how long a new domain may need until it answers: ${CHECK_PATIENCE_MS / 1000} by default
  --dry-run                 check the migrations, bundle, and stop. Needs no account
  --print-config            print the configuration that wrangler gets, and stop
  --help                    print this

Environment: CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_API_TOKEN, ISSUER as --issuer, CLOUDFLARE_ENV as --env.
docs/deploy.md describes each step.`;

/** Reads the options of `npm run deploy`. @throws Failure that names the option */
export function readOptions(args: readonly string[], env: NodeJS.ProcessEnv): Options {
  const { values } = parse(args);
  const modes = [
    ['help', values.help],
    ['print configuration', values['print-config']],
    ['dry run', values['dry-run']],
  ] as const;
  const issuer = values.issuer || env.ISSUER || undefined;
  if (issuer) checkIssuer(issuer);
  return {
    environment: readEnvironment(values.env || env.CLOUDFLARE_ENV || undefined),
    issuer,
    connectsDomain: !values['no-domain'],
    replacesDomain: values['replace-domain'] ?? false,
    jurisdiction: readJurisdiction(values.jurisdiction),
    keysFile: values['keys-file'] === undefined ? undefined : resolve(values['keys-file']),
    checks: !values['no-check'],
    patienceMs: readPatience(values['check-timeout']),
    mode: modes.find(([, isWanted]) => isWanted)?.[0] ?? 'deploy',
  };
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        issuer: text,
        env: text,
        'no-domain': flag,
        'replace-domain': flag,
        jurisdiction: text,
        'keys-file': text,
        'no-check': flag,
        'check-timeout': text,
        'dry-run': flag,
        'print-config': flag,
        help: { ...flag, short: 'h' },
      },
    });
  } catch (error) {
    throw new Failure(`${error instanceof Error ? error.message : error} npm run deploy -- --help lists the options.`);
  }
}

/** Reads the name of an environment. @throws Failure if it cannot be part of a Worker's name */
export function readEnvironment(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (name.length <= ENVIRONMENT_LENGTH_MAX && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return name;
  const form = `lower-case letters, digits and "-", ${ENVIRONMENT_LENGTH_MAX} characters at most`;
  throw new Failure(`--env ${name} cannot be part of a Worker's name: use ${form}, such as staging.`);
}

function readPatience(seconds: string | undefined): number {
  if (seconds === undefined) return CHECK_PATIENCE_MS;
  if (/^\d{1,4}$/.test(seconds)) return Number(seconds) * 1000;
  throw new Failure(`--check-timeout ${seconds} is not a number of whole seconds, such as 60.`);
}

function readJurisdiction(name: string | undefined): Jurisdiction | undefined {
  const known = JURISDICTIONS.find((each) => each === name);
  if (name === undefined || known) return known;
  throw new Failure(`--jurisdiction ${name} is unknown: use ${JURISDICTIONS.join(', ')}.`);
}

/** @throws Failure, ConfigurationError */
export function checkIssuer(issuer: string): void {
  if (issuer.startsWith('http:'))
    throw new Failure(`ISSUER is malformed: ${issuer} must be an https URL to be deployed.`);
  readConfig({ ISSUER: issuer, MASTER_KEY: generateMasterKey(), ROOT_API_KEY: generateRootApiKey() });
}

/** Returns the file for the keys of a Worker, outside of the repository. */
export function defaultKeysFile(worker: string, env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'edgemint', `${worker}.keys`);
}
