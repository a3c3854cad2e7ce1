import { readFile } from 'node:fs/promises';
import type { AccountState } from './deployment-plan.ts';
import { Failure } from './failure.ts';
import { parseOutput, tryWrangler, wranglerJson } from './wrangler.ts';

/** Returns the name of the database in wrangler.toml. @throws Failure if there is none */
export async function databaseName(): Promise<string> {
  const name = /^database_name = "([^"]+)"/m.exec(await readFile('wrangler.toml', 'utf8'))?.[1];
  if (!name) throw new Failure('wrangler.toml has no database_name.');
  return name;
}

/** Looks up which parts of the service the account has. @throws Failure if wrangler fails */
export async function readAccountState(database: string): Promise<AccountState> {
  const databases = await wranglerJson<{ name: string }[]>('list the databases', ['d1', 'list', '--json']);
  return { databaseExists: databases.some(({ name }) => name === database), secrets: await secretNames() };
}

async function secretNames(): Promise<string[]> {
  const { code, stdout, stderr } = await tryWrangler(['secret', 'list', '--format', 'json']);
  if (code === 0) {
    const secrets = parseOutput<{ name: string }[]>('list the secrets', stdout);
    return secrets.map(({ name }) => name);
  }
  // Only a missing Worker certainly has no secrets. Taking another failure for that would replace the master key.
  if (/Worker "[^"]*" not found/.test(stderr)) return [];
  throw new Failure(`wrangler could not list the secrets:\n${`${stdout}${stderr}`.trim()}`);
}

/** @throws Failure if the database holds data that was sealed or hashed with a MASTER_KEY */
export async function requireUnused(database: string): Promise<void> {
  const query = 'SELECT (SELECT count(*) FROM organizations) + (SELECT count(*) FROM signing_keys) AS count';
  const args = ['d1', 'execute', 'DB', '--remote', '--json', '--command', query];
  const answer = await wranglerJson<{ results: { count: number }[] }[]>('read the database', args);
  if (answer[0]?.results[0]?.count === 0) return;
  throw new Failure(
    `The database ${database} was used with a MASTER_KEY that the Worker does not have. Set that MASTER_KEY, or delete the database; docs/deploy.md says how.`,
  );
}
