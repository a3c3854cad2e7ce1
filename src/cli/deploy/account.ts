import { readMasterKeys } from '../../platform/config.ts';
import { instanceKeys, isOwn } from '../edgemint/backup/portable.ts';
import { Failure } from '../failure.ts';
import { parseOutput, tryWrangler, wrangler, wranglerFailure, wranglerJson } from '../wrangler.ts';
import { databaseIdOf, databaseOf } from './configuration.ts';
import { readKeys } from './keys-file.ts';
import type { AccountState, DeploymentNote } from './plan.ts';
import type { Target } from './target.ts';

/**
 * Looks up which parts of the service the account has. Changes nothing.
 * @throws Failure if wrangler fails, or the database or the Worker is another's
 */
export async function readAccountState(target: Target): Promise<AccountState> {
  const database = databaseOf(target.configuration);
  const databases = await wranglerJson<{ name: string; uuid: string }[]>('list the databases', [
    'd1',
    'list',
    '--json',
  ]);
  const id = databaseIdOf(target.configuration);
  const databaseExists = databases.some(({ name, uuid }) => (id === undefined ? name === database : uuid === id));
  if (id !== undefined && !databaseExists) {
    throw new Failure(
      `The account has no database with the database_id ${id} of wrangler.toml. Nothing was changed. Check which account wrangler is signed in to, or remove the id: the database is then found by its name.`,
    );
  }
  if (databaseExists) await recognize(target, database);
  const found = await secretNames(target);
  // The first deployment creates the database, and gives the Worker its keys.
  if (found && !databaseExists && !found.some((name) => OURS.includes(name))) {
    const { name } = target.configuration;
    throw new Failure(
      `The account has a Worker ${name} that is not Edgemint's: it has no MASTER_KEY, and there is no database ${database}. Nothing was changed. Choose another name with --env, or delete that Worker with npx wrangler delete --name ${name}.`,
    );
  }
  const secrets = found ?? [];
  return { databaseExists, secrets, note: secrets.length > 0 ? await readNote(target) : undefined };
}

const OURS = ['ISSUER', 'MASTER_KEY', 'ROOT_API_KEY'];

/** @throws Failure if the database holds tables that are not ours: migrations would be applied to somebody else's data */
async function recognize(target: Target, database: string): Promise<void> {
  const tables = await query<{ name: string }>(target, "SELECT name FROM sqlite_schema WHERE type = 'table'");
  const names = tables.map(({ name }) => name).filter((name) => !/^(_cf_|sqlite_)/.test(name));
  const [first, ...others] = target.migrations;
  if (first === undefined) throw new Failure('There are no migrations.');
  const applied = names.includes('d1_migrations')
    ? (await query<{ name: string }>(target, 'SELECT name FROM d1_migrations')).map(({ name }) => name)
    : [];
  const isOurs = names.every((name) => name === 'd1_migrations') ? applied.length === 0 : applied.includes(first);
  if (!isOurs) {
    const seen = names.slice(0, 5).join(', ');
    throw new Failure(
      `The account has a database ${database} that is not Edgemint's: it holds ${seen}. Nothing was changed. Choose another name with --env, or rename it in wrangler.toml.`,
    );
  }
  const unknown = applied.filter((name) => name !== first && !others.includes(name));
  if (unknown.length > 0) {
    console.log(
      `The database is newer than this checkout, which lacks ${unknown.join(', ')}. Older code works with it.`,
    );
  }
}

/** @returns undefined if there is no such Worker. @throws Failure */
async function secretNames({ config }: Target): Promise<string[] | undefined> {
  const { code, stdout, stderr } = await tryWrangler(['secret', 'list', '--format', 'json', ...config]);
  if (code === 0) {
    const secrets = parseOutput<{ name: string }[]>('list the secrets', stdout);
    return secrets.map(({ name }) => name);
  }
  // Only a missing Worker certainly has no secrets. Taking another failure for that would replace the master key.
  if (/Worker "[^"]*" not found/.test(stderr)) return undefined;
  throw wranglerFailure('wrangler could not list the secrets:', `${stdout}${stderr}`);
}

interface Version {
  readonly resources?: { readonly bindings?: readonly { readonly name: string; readonly text?: string }[] };
}

/** The variable that holds a `DeploymentNote`. */
export const NOTE_VARIABLE = 'DEPLOYMENT';

async function readNote({ config }: Target): Promise<DeploymentNote | undefined> {
  try {
    const status = ['deployments', 'status', '--json', ...config];
    const { versions } = await wranglerJson<{ versions: { version_id: string }[] }>('read the deployment', status);
    const view = ['versions', 'view', versions[0]?.version_id ?? '', '--json', ...config];
    const { resources } = await wranglerJson<Version>('read the deployed version', view);
    const text = resources?.bindings?.find(({ name }) => name === NOTE_VARIABLE)?.text ?? '{}';
    const { issuer, domain }: Partial<DeploymentNote> = JSON.parse(text);
    return typeof issuer === 'string' ? { issuer, domain: domain === true } : undefined;
  } catch (error) {
    // Without the note the deployment works as well. It only cannot be tried out, and keeps the domains that it has.
    if (error instanceof Failure || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Creates the database. @throws Failure if wrangler fails */
export async function createDatabase(target: Target): Promise<void> {
  const place = target.jurisdiction === undefined ? [] : ['--jurisdiction', target.jurisdiction];
  await wrangler('create the database', ['d1', 'create', databaseOf(target.configuration), ...place]);
}

/** @throws Failure if the database holds data that was sealed or hashed with a MASTER_KEY */
export async function requireUnused(target: Target): Promise<void> {
  const count = 'SELECT (SELECT count(*) FROM organizations) + (SELECT count(*) FROM signing_keys) AS count';
  const [row] = await query<{ count: number }>(target, count);
  if (row?.count === 0) return;
  throw new Failure(
    `The database ${databaseOf(target.configuration)} was used with a MASTER_KEY that the Worker does not have. Name the file that holds that key with --keys-file, or delete the database; docs/deploy.md says how.`,
  );
}

/** @throws Failure if another MASTER_KEY than that of the file sealed the signing keys of the database */
export async function requireMasterKey(target: Target, keysFile: string): Promise<void> {
  const { MASTER_KEY } = await readKeys(keysFile);
  const keys = await instanceKeys(keysFile, readMasterKeys(MASTER_KEY));
  const rows = await query<{ sealed: string }>(target, 'SELECT sealed_private_jwk AS sealed FROM signing_keys');
  if (rows.every(({ sealed }) => isOwn(sealed, keys))) return;
  throw new Failure(
    `The database ${databaseOf(target.configuration)} was used with another MASTER_KEY than the one in ${keysFile}. Name the file that holds that key with --keys-file, or delete the database; docs/deploy.md says how.`,
  );
}

/** Returns the id of the account that wrangler deploys to; undefined if it cannot be told. */
export async function accountIdOf({ configuration: { account_id } }: Target): Promise<string | undefined> {
  const fixed = process.env.CLOUDFLARE_ACCOUNT_ID || account_id;
  if (fixed) return fixed;
  const { code, stdout } = await tryWrangler(['whoami', '--json']);
  if (code !== 0) return undefined;
  const { accounts = [] } = parseOutput<{ accounts?: { id: string }[] }>('name the account', stdout);
  // Of several accounts, wrangler remembers which one was chosen, and does not say it.
  return accounts.length === 1 ? accounts[0]?.id : undefined;
}

async function query<Row>({ config }: Target, sql: string): Promise<readonly Row[]> {
  const args = ['d1', 'execute', 'DB', '--remote', '--json', '--command', sql, ...config];
  const [answer] = await wranglerJson<{ results: Row[] }[]>('read the database', args);
  return answer?.results ?? [];
}
