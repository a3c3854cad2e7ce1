import type { Command } from 'commander';
import { SECURITY_PROFILES } from '../../../store/client-authentication.ts';
import { member } from '../parse.ts';
import type { Organization } from '../representations.ts';
import { addCreate, addDelete, addGet, addList, addRevokeTokens, addUpdate, type Collection } from './crud.ts';

const organizations: Collection<Organization & { status: string; subject: string; created_at: string }> = {
  path: 'organizations',
  noun: 'organization',
  id: 'id',
  nameOf: ({ name }) => name,
  isOwned: false,
  cascades: ['delete'],
  columns: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    subject: ({ subject }) => subject,
    status: ({ status }) => status,
    created_at: ({ created_at }) => created_at,
  },
  fields: [
    { name: 'name', flags: '--name <text>', description: 'for people' },
    {
      name: 'subject',
      flags: '--subject <what>',
      description: 'what `sub` names in its clients’ tokens',
      choices: ['client', 'organization'],
    },
    {
      name: 'status',
      flags: '--status <status>',
      description: 'disabled: none of its clients gets a token',
      choices: ['active', 'disabled'],
    },
    {
      name: 'security_profile',
      flags: '--security-profile <profile>',
      description: 'strict: none of its clients has a secret, nor a token that is not bound',
      choices: SECURITY_PROFILES,
    },
    {
      name: 'metadata',
      flags: '--metadata <key=value>',
      description: 'a note of yours',
      parse: member,
      many: 'object',
    },
  ],
};

export function addOrganizations(program: Command): void {
  const group = program.command('organizations').description('organizations: who owns clients');
  const { columns, path } = organizations;
  addList(group, 'list organizations', columns, () => ({ path, isOwned: false }));
  addGet(group, organizations);
  addCreate(group, organizations);
  addUpdate(group, organizations);
  addDelete(group, organizations);
  addRevokeTokens(group, organizations);
}
