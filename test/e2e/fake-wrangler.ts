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

const secretsFile = readSecrets();
const call: Call = { args, isInteractive: Boolean(process.stdin.isTTY), ...secretsFile };
appendFileSync(`${FILE}.calls`, `${JSON.stringify(call)}\n`);

const command = args.filter((arg) => !arg.startsWith('-')).join(' ');
if (account.failsAt !== undefined && command.startsWith(account.failsAt)) fail('A request to the API failed.');

if (command.startsWith('d1 list')) {
  console.log(JSON.stringify(account.databases.map((name) => ({ name, uuid: 'an-id' }))));
} else if (command.startsWith('d1 create')) {
  account.databases.push(args[2] ?? '');
} else if (command.startsWith('d1 execute')) {
  console.log(JSON.stringify([{ results: [{ count: account.rows }], success: true }]));
} else if (command.startsWith('secret list')) {
  if (!account.worker)
    fail('Worker "edgemint" not found.\n\nIf this is a new Worker, run `wrangler deploy` first to create it.');
  console.log(JSON.stringify(account.worker.secrets.map((name) => ({ name, type: 'secret_text' }))));
} else if (command.startsWith('deploy') && !args.includes('--dry-run')) {
  const worker = account.worker ?? { secrets: [], deployments: 0 };
  const secrets = new Set([...worker.secrets, ...Object.keys(secretsFile?.secrets ?? {})]);
  account.worker = { secrets: [...secrets], deployments: worker.deployments + 1 };
  const report = process.env.WRANGLER_OUTPUT_FILE_PATH ?? '';
  appendFileSync(report, `${JSON.stringify({ type: 'wrangler-session' })}\n`);
  appendFileSync(report, `${JSON.stringify({ type: 'deploy', targets: account.targets })}\n`);
}
writeFileSync(FILE, JSON.stringify(account));
