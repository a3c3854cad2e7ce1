import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { EXIT_FAILED } from '../../constants.ts';
import type { Api } from '../api.ts';
import { UsageError } from '../failures.ts';
import { time } from '../output.ts';
import { line } from '../printable.ts';
import type { Client, Grant, Me } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';
import { itemPath } from './crud.ts';

interface ScopeStatus {
  readonly resource_server: string;
  readonly scope: string | null;
  readonly direct: boolean;
  readonly roles: readonly string[];
  readonly last_requested_at: string | null;
  readonly last_issued_at: string | null;
  readonly last_introspected_at: string | null;
  readonly status: string;
  readonly unused_since: string | null;
  readonly reason: string | null;
}

interface LeastPrivilege {
  readonly client_id: string;
  readonly client_name: string;
  readonly etag: string;
  readonly unused_since: string;
  readonly scopes: readonly ScopeStatus[];
  readonly roles: readonly {
    readonly name: string;
    readonly unused: readonly Grant[];
    readonly suggestion: string;
  }[];
  readonly patch: { readonly grants?: readonly Grant[] };
}

const COLUMNS = {
  client: ({ client_name }: Row) => client_name,
  resource_server: ({ resource_server }: Row) => resource_server,
  scope: ({ scope }: Row) => scope ?? '(the grant)',
  source: ({ direct, roles }: Row) => [...(direct ? ['direct'] : []), ...roles.map((role) => `role ${role}`)],
  last_requested_at: ({ last_requested_at }: Row) => last_requested_at,
  last_issued_at: ({ last_issued_at }: Row) => last_issued_at,
  last_introspected_at: ({ last_introspected_at }: Row) => last_introspected_at,
  status: ({ status, unused_since, reason }: Row) =>
    unused_since === null
      ? [status, ...(reason === null ? [] : [reason])].join(': ')
      : `${status} since ${time(unused_since)}`,
};

type Row = ScopeStatus & { readonly client_name: string };

const SUGGESTIONS: Readonly<Record<string, string>> = {
  remove_from_client: 'the client uses nothing of it: take the role away, unless an API goes by its name',
  edit_role: 'no other client has it: remove them from the role',
  split_role: 'other clients have it: give this client another role, or grants of its own',
};

/** Adds `least-privilege`. */
export function addLeastPrivilege(program: Command): void {
  const command = program
    .command('least-privilege')
    .description('show which scopes of a client are unused, or of all clients of the organization, and remove them')
    .argument('[client]', 'its name or id; without it, all clients of the organization')
    .option('--unused-for <days>', 'how long a scope must not have been used, such as 90d', days, 90)
    .option('--apply', 'remove the unused scopes from the grants of the client; asks first');
  command.action(async (named: string | undefined) => {
    const session = new Session(command);
    const clientId = named === undefined ? undefined : await session.find('client', named);
    const { unusedFor, apply } = command.opts<{ unusedFor: number; apply?: boolean }>();
    const api = await session.api();
    const judged = await judge(api, clientId, unusedFor);
    if (!apply && session.json) {
      return session.terminal.printJson(clientId === undefined ? { data: judged, next_cursor: null } : judged[0]);
    }
    const { terminal } = session;
    // With --json, stdout has the changed clients only.
    if (!session.json) show(session, judged);
    const removable = judged.filter(({ patch }) => patch.grants !== undefined);
    if (removable.length === 0) {
      if (apply && session.json) terminal.printJson({ data: [], next_cursor: null });
      return terminal.note('No grant of a client can be removed.');
    }
    const count = removable.reduce((sum, client) => sum + unusedOwn(client), 0);
    const what = `${count} unused ${count === 1 ? 'grant' : 'grants'} of ${nameOf(removable)}`;
    if (!apply) return terminal.note(`--apply removes ${line(what)}.`);
    await session.confirm(`Remove ${what}?`);
    await removeUnused(session, api, removable);
  });
}

/** Parses a number of days, such as `90d` or `90`. */
function days(text: string): number {
  const [, count] = /^(\d{1,5})d?$/.exec(text) ?? [];
  if (count === undefined || Number(count) < 1)
    throw new InvalidArgumentError('It must be a number of days, such as 90d.');
  return Number(count);
}

async function judge(api: Api, clientId: string | undefined, unusedFor: number): Promise<LeastPrivilege[]> {
  const query = { unused_for: unusedFor };
  if (clientId !== undefined) {
    return [(await api.get<LeastPrivilege>(`${itemPath('clients', clientId)}/least-privilege`, query)).body];
  }
  const organization = api.organization ?? (await api.get<Me>('me')).body.organization?.id;
  if (organization === undefined) {
    throw new UsageError(
      'Name a client, or an organization with --organization. edgemint organizations list shows the ids.',
    );
  }
  return api.all<LeastPrivilege>(`${itemPath('organizations', organization)}/least-privilege`, { ...query, limit: 50 });
}

function show(session: Session, judged: readonly LeastPrivilege[]): void {
  const { terminal } = session;
  const rows = judged.flatMap(({ client_name, scopes }) => scopes.map((scope) => ({ ...scope, client_name })));
  if (rows.length === 0) terminal.note('No scope is granted.');
  else session.list(COLUMNS, rows);
  for (const { client_name, roles } of judged) {
    for (const { name, unused, suggestion } of roles) {
      const scopes = unused.flatMap((grant) => grant.scopes).join(', ');
      terminal.note(
        line(`${client_name} does not use ${scopes} of the role ${name}: ${SUGGESTIONS[suggestion] ?? suggestion}.`),
      );
    }
  }
}

function nameOf(clients: readonly LeastPrivilege[]): string {
  const [first] = clients;
  return clients.length === 1 ? `${first?.client_name} (${first?.client_id})` : `${clients.length} clients`;
}

const unusedOwn = ({ scopes }: LeastPrivilege) =>
  scopes.filter(({ direct, status }) => direct && status === 'unused').length;

/** Applies the patch of each client. One that cannot be applied does not keep the others from it. */
async function removeUnused(session: Session, api: Api, clients: readonly LeastPrivilege[]): Promise<void> {
  const changed: unknown[] = [];
  for (const { client_id, client_name, etag, unused_since, patch } of clients) {
    const path = `${itemPath('clients', client_id)}/least-privilege/apply`;
    try {
      changed.push((await api.post<Client>(path, { unused_since, patch }, { ifMatch: etag })).body);
      session.done(`Removed the unused grants of ${client_name} (${client_id}).`);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      session.terminal.note(`${line(`${client_name} (${client_id})`)}: ${error.message}`);
      session.terminal.exitCode = EXIT_FAILED;
    }
  }
  if (session.json) session.terminal.printJson({ data: changed, next_cursor: null });
}
