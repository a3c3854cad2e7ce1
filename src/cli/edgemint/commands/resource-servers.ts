import type { Command } from 'commander';
import { ACCESS_TOKEN_TTL_DEFAULT } from '../../../constants.ts';
import { duration } from '../durations.ts';
import { scope, seconds } from '../parse.ts';
import type { ResourceServer } from '../representations.ts';
import { addCreate, addDelete, addGet, addList, addUpdate, type Collection } from './crud.ts';

const resourceServers: Collection<ResourceServer> = {
  path: 'resource-servers',
  noun: 'resource server',
  kind: 'resource-server',
  nameOf: ({ identifier }) => identifier,
  isOwned: true,
  cascades: ['update', 'delete'],
  columns: {
    id: ({ id }) => id,
    identifier: ({ identifier }) => identifier,
    name: ({ name }) => name,
    scopes: ({ scopes }) => scopes.length,
    ttl: ({ access_token_ttl }) => access_token_ttl,
    alg: ({ signing_alg }) => signing_alg,
    owner: ({ organization_id }) => organization_id ?? 'shared',
  },
  rowsOf: ({ access_token_ttl, ...server }) => ({
    ...server,
    access_token_ttl: access_token_ttl ?? `${duration(ACCESS_TOKEN_TTL_DEFAULT)} (the default)`,
  }),
  fields: [
    {
      name: 'identifier',
      flags: '--identifier <uri or name>',
      description: 'the audience of its tokens, such as https://api.example.com/orders; it cannot be changed',
      onlyNew: true,
    },
    { name: 'name', flags: '--name <text>', description: 'the name for people, such as "Orders"' },
    {
      name: 'scopes',
      flags: '--scope <scope>',
      description: 'a scope and its description: "orders:read Read orders"',
      parse: scope,
      many: 'list',
    },
    {
      name: 'access_token_ttl',
      flags: '--access-token-ttl <duration>',
      description: 'the default lifetime of its tokens, such as 1h',
      parse: seconds,
    },
    {
      name: 'signing_alg',
      flags: '--signing-alg <alg>',
      description: 'the algorithm that signs its tokens',
      choices: ['ES256', 'RS256', 'EdDSA'],
    },
    {
      name: 'access_token_typ',
      flags: '--access-token-typ <typ>',
      description: 'the typ header of its tokens; JWT only for verifiers that refuse at+jwt',
      choices: ['at+jwt', 'JWT'],
    },
    {
      name: 'introspection',
      flags: '--introspection <how>',
      description: 'strong: sees a revocation at once; edge: cheaper and faster, but may see it later',
      choices: ['strong', 'edge'],
    },
    {
      name: 'scope_policy',
      flags: '--scope-policy <policy>',
      description:
        'of scopes that are not granted. exact: refuse the request; narrow: grant the others, as MCP clients need',
      choices: ['exact', 'narrow'],
    },
    {
      name: 'accepted_claims',
      flags: '--accepted-claim <name>',
      description: 'a reserved claim, such as groups, that clients may set in its tokens',
      many: 'list',
    },
  ],
};

export function addResourceServers(program: Command): void {
  const group = program.command('resource-servers').description('resource servers: the APIs that tokens are for');
  const { columns, path } = resourceServers;
  addList(group, 'list the resource servers of the organization and the shared ones', columns, () => ({
    path,
    isOwned: true,
  }));
  addGet(group, resourceServers);
  addCreate(group, resourceServers);
  addUpdate(group, resourceServers);
  addDelete(group, resourceServers);
}
