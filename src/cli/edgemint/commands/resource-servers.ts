import type { Command } from 'commander';
import { scope, seconds } from '../parse.ts';
import type { ResourceServer } from '../representations.ts';
import { addCreate, addDelete, addGet, addList, addUpdate, type Collection } from './crud.ts';

const resourceServers: Collection<ResourceServer> = {
  path: 'resource-servers',
  noun: 'resource server',
  id: 'id',
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
  fields: [
    {
      name: 'identifier',
      flags: '--identifier <uri>',
      description: 'the audience of its tokens, for good',
      onlyNew: true,
    },
    { name: 'name', flags: '--name <text>', description: 'for people' },
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
      description: 'lifetime of its tokens, for clients that name none',
      parse: seconds,
    },
    {
      name: 'signing_alg',
      flags: '--signing-alg <alg>',
      description: 'what signs its tokens',
      choices: ['ES256', 'RS256', 'EdDSA'],
    },
    {
      name: 'introspection',
      flags: '--introspection <how>',
      description: 'strong: a revocation is seen at once; edge: cheaper and near, and it may be seen later',
      choices: ['strong', 'edge'],
    },
  ],
};

export function addResourceServers(program: Command): void {
  const group = program.command('resource-servers').description('resource servers: what tokens are for');
  const { columns, path } = resourceServers;
  addList(group, 'list resource servers: the organization’s and the shared', columns, () => ({ path, isOwned: true }));
  addGet(group, resourceServers);
  addCreate(group, resourceServers);
  addUpdate(group, resourceServers);
  addDelete(group, resourceServers);
}
