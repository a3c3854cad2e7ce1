import type { Command } from 'commander';
import { HELP_COLUMNS } from '../constants.ts';
import { formatExample } from './help-layout.ts';
import type { Output } from './io.ts';
import type { Program } from './session.ts';

/** The headings under which the help lists the commands. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'Start:': ['dev', 'login', 'logout', 'use', 'profiles', 'me', 'status'],
  'Machines and APIs:': ['clients', 'secrets', 'tokens', 'resource-servers', 'roles', 'least-privilege'],
  'Organizations:': ['organizations', 'api-keys', 'webhooks'],
  'Observe:': ['usage', 'top-clients', 'audit', 'logs', 'changes'],
  'A file in git, and moving in:': ['apply', 'export', 'import'],
  'Operate:': ['keys', 'master-keys', 'backup', 'restore', 'gates', 'leaked-secrets', 'console', 'portal-links'],
  'More:': ['api', 'completion'],
};

/** Examples that the help of commands shows. A test parses each. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  '': ['login --url https://auth.example.com', 'status', 'clients create --name "Invoice worker" --role order-reader'],
  login: [
    'login --url https://auth.example.com',
    'login --url https://auth.example.com --profile acme --organization Acme',
  ],
  use: ['use acme'],
  status: ['status', 'status --json'],
  organizations: ['organizations create --name Acme'],
  'organizations delete': ['organizations delete Acme', 'organizations delete Acme --cascade --confirm Acme'],
  'api-keys create': ['api-keys create --name ci --scope clients:read --scope clients:write --expires 90d'],
  'api-keys rotate': ['api-keys rotate --grace 1h', 'api-keys rotate ci --expires 90d'],
  'resource-servers create': [
    'resource-servers create --identifier https://api.example.com/orders --name Orders --scope "orders:read Read orders"',
  ],
  'roles create': ['roles create --name order-reader --grant "https://api.example.com/orders orders:read"'],
  clients: ['clients list --unused-since 90d', 'clients get "Invoice worker"'],
  'clients list': ['clients list --unused-since 90d --status active --sort last_used_at'],
  'clients create': [
    'clients create --name "Invoice worker" --grant "https://api.example.com/orders orders:read" --access-token-ttl 10m',
    'clients create --name Payments --auth-method private_key_jwt --jwks-file public.pem',
  ],
  'clients update': [
    'clients update "Invoice worker" --rate-limit 600/100',
    'clients update "Invoice worker" --reset quota',
  ],
  'clients generate-key': ['clients generate-key "Invoice worker" --out worker.pem --only'],
  'clients trust-github': ['clients trust-github "Invoice worker" --repository-id 74 --ref refs/heads/main'],
  'clients diagnose': ['clients diagnose "Invoice worker"'],
  'secrets list': [
    'secrets list "Invoice worker"',
    'secrets list --expires-before 30d',
    'secrets list --safe-to-delete',
  ],
  'secrets rotate': ['secrets rotate "Invoice worker" --grace 1h'],
  'tokens issue': [
    'tokens issue --client-id "Invoice worker" --scope orders:read',
    'tokens issue --client-id emc_… --key-file worker.pem',
  ],
  'tokens introspect': ['tokens introspect --strong --exit-code'],
  'tokens decode': ['tokens decode --verify --audience https://api.example.com/orders'],
  'keys rotate': ['keys rotate', 'keys rotate --emergency --alg ES256'],
  'webhooks create': ['webhooks create --name Audit --endpoint https://hooks.example.com/in'],
  'audit list': ['audit list --target "Invoice worker" --from 7d'],
  apply: ['apply -f edgemint.yaml --dry-run', 'apply -f edgemint.yaml --prune'],
  export: ['export -f edgemint.yaml'],
  'logs tail': ['logs tail --status 4xx', 'logs tail --client emc_… --reason wrong_secret', 'logs tail --stdin'],
  api: [
    'api GET clients --paginate',
    'api POST organizations -f name=Acme',
    'api PATCH clients/emc_… -F access_token_ttl=600',
  ],
  completion: ['completion bash', 'completion zsh', 'completion fish'],
};

/** Returns the width of help texts on an output, in columns. */
export function helpWidth({ isTTY, columns }: Output): number {
  return (isTTY && columns) || HELP_COLUMNS;
}

/** Adds groups and examples to the help of all commands. */
export function addHelp(program: Program): void {
  const { stdout, stderr } = program.terminal.io;
  const help = program.createCommand('help').argument('[command]').description('show the help of a command');
  program.addHelpCommand(help.helpGroup('More:'));
  for (const command of program.commands) {
    const heading = Object.entries(GROUPS).find(([, names]) => names.includes(command.name()))?.[0];
    command.helpGroup(heading ?? 'More:');
  }
  for (const [path, lines] of Object.entries(EXAMPLES)) {
    const command = path
      .split(' ')
      .filter(Boolean)
      .reduce<Command | undefined>((parent, name) => parent?.commands.find((one) => one.name() === name), program);
    const examples = (width: number) => lines.map((text) => formatExample(text, width)).join('\n');
    command?.addHelpText('after', ({ error }) => `\nExamples:\n${examples(helpWidth(error ? stderr : stdout))}`);
  }
}
