import { type Command, Option } from 'commander';
import { AUTH_METHODS } from '../../../store/client-authentication.ts';
import { reservationOf } from '../../../tokens/reserved-claims.ts';
import type { Field } from '../field.ts';
import { futureTime, grant, jsonObject, member, pastTime, rateLimit, seconds } from '../parse.ts';
import type { Client, Organization } from '../representations.ts';
import { Session } from '../session.ts';
import { AUTHENTICATION_FIELDS } from './authentication-fields.ts';
import { clientDetails, clientRows } from './client-details.ts';
import {
  addCreate,
  addDelete,
  addGet,
  addList,
  addRevokeTokens,
  addUpdate,
  type Collection,
  itemPath,
  NAME_OR_ID,
} from './crud.ts';
import { addDiagnose } from './diagnose.ts';
import { addGenerateKey } from './generate-key.ts';
import { addQuota } from './quota.ts';
import { quotaFields } from './quota-fields.ts';
import { addTrust } from './trust.ts';

const fields: readonly Field[] = [
  { name: 'client_name', flags: '--name <text>', description: 'the name for people, such as "Invoice worker"' },
  { name: 'description', flags: '--description <text>', description: 'a description for people' },
  { name: 'owner', flags: '--owner <text>', description: 'who answers for it: a team, an address or a URL' },
  {
    name: 'grants',
    flags: '--grant <grant>',
    description: 'a resource server and scopes: "https://api.example.com/orders orders:read"',
    parse: grant,
    many: 'list',
  },
  { name: 'roles', flags: '--role <name>', description: 'a role of the client', many: 'list' },
  {
    name: 'introspects',
    flags: '--introspects <identifier>',
    description: 'a resource server for which it introspects tokens',
    many: 'list',
  },
  {
    name: 'default_resource',
    flags: '--default-resource <identifier>',
    description: 'the resource server of token requests that do not name one',
  },
  {
    name: 'access_token_ttl',
    flags: '--access-token-ttl <duration>',
    description: 'the lifetime of its tokens, such as 10m',
    parse: seconds,
  },
  {
    name: 'rate_limit',
    flags: '--rate-limit <per_minute/burst>',
    description: 'tokens per minute and burst, such as 600/100',
    parse: rateLimit,
  },
  ...quotaFields('it', ['warn', 'enforce']),
  ...AUTHENTICATION_FIELDS,
  { name: 'claims', flags: '--claims <json>', description: 'claims to add to its tokens', parse: jsonObject },
  {
    name: 'requestable_claims',
    flags: '--requestable-claim <name>',
    description: 'a claim that token requests may set',
    many: 'list',
  },
  { name: 'may_rotate_secret', flags: '--may-rotate-secret', description: 'let the client rotate its own secret' },
  { name: 'may_rotate_secret', flags: '--no-may-rotate-secret', description: 'do not' },
  {
    name: 'log',
    flags: '--log <which>',
    description: 'which of its successful requests are logged: all of them, or a share',
    choices: ['sampled', 'all'],
  },
  {
    name: 'metadata',
    flags: '--metadata <key=value>',
    description: 'a note for yourself',
    parse: member,
    many: 'object',
  },
  {
    name: 'status',
    flags: '--status <status>',
    description: 'disabled: the client gets no tokens, and those that it has end for good',
    choices: ['active', 'disabled'],
  },
  {
    name: 'expires_at',
    flags: '--expires-at <time>',
    description: 'when it ends: a time (RFC 3339), a day, or a duration from now such as 90d',
    parse: futureTime,
  },
  {
    name: 'client_id',
    flags: '--client-id <id>',
    description: 'the client_id that a client has from another provider',
    onlyNew: true,
  },
];

const clients: Collection<Client> = {
  path: 'clients',
  noun: 'client',
  kind: 'client',
  nameOf: ({ client_name }) => client_name,
  isOwned: true,
  columns: {
    client_id: ({ client_id }) => client_id,
    client_name: ({ client_name }) => client_name,
    owner: ({ owner }) => owner,
    method: ({ token_endpoint_auth_method }) => token_endpoint_auth_method,
    roles: ({ roles }) => roles,
    grants: ({ grants }) => grants.map(({ resource_server }) => resource_server),
    status: ({ status }) => status,
    expires_at: ({ expires_at }) => expires_at,
    last_used_at: ({ last_used_at }) => last_used_at,
  },
  fields,
  rowsOf: clientRows,
  detailsOf: clientDetails,
};

interface Usage {
  readonly hour: string;
  readonly issued: number;
  readonly refused: Readonly<Record<string, number>>;
}

const SORTS = ['name', 'created_at', 'last_used_at'].flatMap((name) => [name, `-${name}`]);

export function addClients(program: Command): void {
  const group = program.command('clients').description('clients: the machines that get tokens');
  const { columns, path } = clients;
  addList(group, 'list clients', columns, (command) => {
    const { name, owner, role, status, sort, ...options } = command.opts<Record<string, string>>();
    const { resourceServer: resource_server, authMethod: auth_method } = options;
    const { unusedSince: unused_since, expiresBefore: expires_before } = options;
    const filter = { name, owner, role, status, resource_server, auth_method, unused_since, expires_before };
    return { path, isOwned: true, query: { ...filter, sort } };
  })
    .option('--name <text>', 'only clients whose name starts with this')
    .option('--owner <text>', 'only clients with this owner')
    .option('--role <name>', 'only clients with this role')
    .option('--status <status>', 'only active or only disabled clients')
    .option('--resource-server <identifier>', 'only clients with a grant for this resource server')
    .addOption(
      new Option('--auth-method <method>', 'only clients with this authentication method').choices(AUTH_METHODS),
    )
    .option(
      '--unused-since <time>',
      'only clients that were not used since a time (RFC 3339), a day, or a duration before now such as 90d',
      pastTime,
    )
    .option(
      '--expires-before <time>',
      'only clients that expire before a time (RFC 3339), a day, or the end of a duration such as 30d',
      futureTime,
    )
    .addOption(new Option('--sort <order>', 'the order; with -, the last comes first').choices(SORTS));
  addGet(group, clients);
  addCreate(group, clients, {
    secret: 'client_secret',
    complete: async (body, { terminal }, command) => {
      if (!command.opts<{ ownSecret?: boolean }>().ownSecret) return;
      body.client_secret = await terminal.readSecret('Client secret', 'EDGEMINT_CLIENT_SECRET');
    },
  }).option('--own-secret', 'use your own secret: from EDGEMINT_CLIENT_SECRET, asked for, or from stdin');
  addUpdate(group, clients);
  addDelete(group, clients);
  addGenerateKey(group);
  addTrust(group);
  addUsage(group);
  addDiagnose(group);
  addQuota(group);
  addReservedClaims(group);
  addRevokeTokens(group, clients);
}

/** Adds `reserved-claims`. With the root key and no organization, it searches all organizations. */
function addReservedClaims(group: Command): void {
  const columns = {
    organization_id: ({ organization_id }: Client) => organization_id,
    client_id: ({ client_id }: Client) => client_id,
    client_name: ({ client_name }: Client) => client_name,
    claims: ({ claims }: Client) => Object.keys(claims).filter(reservationOf),
    requestable_claims: ({ requestable_claims }: Client) => requestable_claims.filter(reservationOf),
  };
  const command = group
    .command('reserved-claims')
    .description('list the clients that have claims since before their names were reserved');
  command.action(async () => {
    const session = new Session(command);
    const api = await session.api();
    const organizations =
      api.organization === undefined
        ? (await api.all<Organization>('organizations')).map(({ id }) => id)
        : [api.organization];
    const data: Client[] = [];
    for (const organization_id of organizations) {
      data.push(...(await api.all<Client>('clients', { organization_id, reserved_claims: true })));
    }
    if (session.json) return session.terminal.printJson({ data, next_cursor: null });
    if (data.length === 0) return session.terminal.note('Nothing found.');
    session.list(columns, data);
  });
}

function addUsage(group: Command): void {
  const columns = {
    hour: ({ hour }: Usage) => hour,
    issued: ({ issued }: Usage) => issued,
    refused: ({ refused }: Usage) => Object.entries(refused).map(([reason, count]) => `${reason} ${count}`),
  };
  const read = async (command: Command, [named = '']: readonly string[], session: Session) => {
    const id = await session.find('client', named);
    const { from, to } = command.opts<{ from?: string; to?: string }>();
    return { path: `${itemPath('clients', id)}/usage`, isOwned: false, query: { from, to } };
  };
  addList(
    group,
    'show issued and refused token requests of a client by hour',
    columns,
    read,
    'usage',
    'Nothing was counted yet.',
  )
    .argument('<client>', NAME_OR_ID)
    .option('--from <time>', 'a time (RFC 3339), a day, or a duration before now such as 24h', pastTime)
    .option('--to <time>', 'like --from', pastTime);
}
