import type { Command } from 'commander';
import { SECURITY_PROFILES } from '../../../store/client-authentication.ts';
import { member, wholeNumber } from '../parse.ts';
import type { Organization } from '../representations.ts';
import { addCreate, addGet, addList, addRevokeTokens, addUpdate, type Collection } from './crud.ts';
import { addDeleteOrganization } from './organization-deletion.ts';
import { quotaFields } from './quota-fields.ts';

const organizations: Collection<Organization & { status: string; subject: string; created_at: string }> = {
  path: 'organizations',
  noun: 'organization',
  kind: 'organization',
  nameOf: ({ name }) => name,
  isOwned: false,
  columns: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    subject: ({ subject }) => subject,
    status: ({ status }) => status,
    created_at: ({ created_at }) => created_at,
  },
  fields: [
    { name: 'name', flags: '--name <text>', description: 'the name for people, such as "Acme"' },
    {
      name: 'subject',
      flags: '--subject <what>',
      description: 'the holder that `sub` names in tokens of its clients',
      choices: ['client', 'organization'],
    },
    {
      name: 'status',
      flags: '--status <status>',
      description: 'disabled: its clients get no tokens, and those that they have end for good',
      choices: ['active', 'disabled'],
    },
    {
      name: 'security_profile',
      flags: '--security-profile <profile>',
      description: 'strict: its clients have no secrets, and only bound tokens',
      choices: SECURITY_PROFILES,
    },
    ...quotaFields('its clients together', ['warn']),
    {
      name: 'unused_clients',
      member: 'report_after_days',
      flags: '--report-unused-after <days>',
      description: 'report clients after so many days without use, by the event client.unused',
      parse: wholeNumber,
    },
    {
      name: 'unused_clients',
      member: 'disable_after_days',
      flags: '--disable-unused-after <days>',
      description: 'disable clients after so many days without use; --reset unused-clients ends both',
      parse: wholeNumber,
    },
    {
      name: 'unused_clients',
      member: 'except',
      flags: '--except-unused <client>',
      description: 'a client, by name or id, that is left alone however long it is unused',
      many: 'list',
      kind: 'client',
    },
    {
      name: 'metadata',
      flags: '--metadata <key=value>',
      description: 'a note for yourself',
      parse: member,
      many: 'object',
    },
  ],
};

export function addOrganizations(program: Command): void {
  const group = program.command('organizations').description('organizations: the owners of clients');
  const { columns, path } = organizations;
  addList(group, 'list organizations', columns, () => ({ path, isOwned: false }));
  addGet(group, organizations);
  addCreate(group, organizations);
  addUpdate(group, organizations);
  addDeleteOrganization(group);
  addRevokeTokens(group, organizations);
}
