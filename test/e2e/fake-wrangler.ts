import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Account, Call } from './account.ts';

// A fake wrangler for tests that would need an account. It keeps the account in a file, changes it like the real one, and records its
// calls.

const FILE = process.env.FAKE_ACCOUNT ?? '';
const account: Account = JSON.parse(readFileSync(FILE, 'utf8'));
const args = process.argv.slice(2);
const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);

function fail(message: string): never {
  console.error(`✘ [ERROR] ${message}`);
  process.exit(1);
}

function readSecrets(): { secrets: Record<string, string>; mode: number } | undefined {
  const file = option('--secrets-file');
  if (file === undefined) return undefined;
  return { secrets: JSON.parse(readFileSync(file, 'utf8')), mode: statSync(file).mode & 0o777 };
}

/** Returns the values of an option that may be repeated. */
function all(name: string): string[] {
  return args.flatMap((arg, index) => (arg === name ? (args[index + 1] ?? []) : []));
}

const secretsFile = readSecrets();
const configFile = option('--config');
const configuration = configFile === undefined ? undefined : JSON.parse(readFileSync(configFile, 'utf8'));
const call: Call = {
  args,
  isInteractive: Boolean(process.stdin.isTTY),
  ...secretsFile,
  ...(configuration && { configuration }),
};
appendFileSync(`${FILE}.calls`, `${JSON.stringify(call)}\n`);

const command = args.filter((arg) => !arg.startsWith('-')).join(' ');
if (account.failsAt !== undefined && command.startsWith(account.failsAt))
  fail(account.failure ?? 'A request to the API failed.');

if (command.startsWith('d1 list')) {
  console.log(JSON.stringify(account.databases.map((name) => ({ name, uuid: `id-of-${name}` }))));
} else if (command === 'whoami') {
  console.log(JSON.stringify({ loggedIn: true, accounts: [{ id: 'an-account', name: 'Acme' }] }));
} else if (command.startsWith('d1 create')) {
  account.databases.push(args[2] ?? '');
} else if (command.startsWith('d1 execute')) {
  const sql = option('--command') ?? '';
  const named = (names: string[]) => names.map((name) => ({ name }));
  const results = sql.includes('sqlite_schema')
    ? named(account.tables ?? ['_cf_KV', 'd1_migrations', 'organizations'])
    : sql.includes('d1_migrations')
      ? named(account.migrations ?? ['0000_foundation.sql'])
      : sql.includes('sealed_private_jwk')
        ? (account.sealed ?? []).map((sealed) => ({ sealed }))
        : [{ count: account.rows }];
  console.log(JSON.stringify([{ results, success: true }]));
} else if (command.startsWith('deployments status')) {
  console.log(JSON.stringify({ versions: [{ version_id: 'a-version', percentage: 100 }] }));
} else if (command.startsWith('versions view')) {
  const variables = Object.entries(account.worker?.variables ?? {});
  const bindings = variables.map(([name, text]) => ({ name, type: 'plain_text', text }));
  console.log(JSON.stringify({ id: 'a-version', resources: { bindings } }));
} else if (command.startsWith('secret list')) {
  if (!account.worker)
    fail('Worker "edgemint" not found.\n\nIf this is a new Worker, run `wrangler deploy` first to create it.');
  console.log(JSON.stringify(account.worker.secrets.map((name) => ({ name, type: 'secret_text' }))));
} else if (command.startsWith('deploy') && !args.includes('--dry-run')) {
  const worker = account.worker ?? { secrets: [], deployments: 0 };
  const secrets = new Set([...worker.secrets, ...Object.keys(secretsFile?.secrets ?? {})]);
  const variables = Object.fromEntries(
    all('--var').map((text) => [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)]),
  );
  account.worker = { secrets: [...secrets], deployments: worker.deployments + 1, variables };
  const report = process.env.WRANGLER_OUTPUT_FILE_PATH ?? '';
  appendFileSync(report, `${JSON.stringify({ type: 'wrangler-session' })}\n`);
  appendFileSync(report, `${JSON.stringify({ type: 'deploy', targets: account.targets })}\n`);
}
writeFileSync(FILE, JSON.stringify(account));
