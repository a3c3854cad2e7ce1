import type { Command } from 'commander';
import { grant } from '../parse.ts';
import type { Role } from '../representations.ts';
import { addCreate, addDelete, addGet, addList, addUpdate, type Collection } from './crud.ts';

const roles: Collection<Role> = {
  path: 'roles',
  noun: 'role',
  kind: 'role',
  nameOf: ({ name }) => name,
  isOwned: true,
  cascades: ['delete'],
  columns: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    grants: ({ grants }) => grants.map(({ resource_server, scopes }) => [resource_server, ...scopes].join(' ')),
    owner: ({ organization_id }) => organization_id ?? 'shared',
  },
  fields: [
    { name: 'name', flags: '--name <text>', description: 'the name in clients and tokens, such as order-reader' },
    { name: 'description', flags: '--description <text>', description: 'a description for people' },
    {
      name: 'grants',
      flags: '--grant <grant>',
      description: 'a resource server and scopes: "https://api.example.com/orders orders:read"',
      parse: grant,
      many: 'list',
    },
  ],
};

export function addRoles(program: Command): void {
  const group = program.command('roles').description('roles: named sets of grants');
  const { columns, path } = roles;
  addList(group, 'list the roles of the organization and the shared ones', columns, () => ({ path, isOwned: true }));
  addGet(group, roles);
  addCreate(group, roles);
  addUpdate(group, roles);
  addDelete(group, roles);
}
