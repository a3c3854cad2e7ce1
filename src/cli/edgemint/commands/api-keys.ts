import type { Command } from 'commander';
import { futureTime } from '../parse.ts';
import { addDeleteSecondary, addRotateApiKey } from './api-key-rotation.ts';
import { addCreate, addDelete, addGet, addList, type Collection } from './crud.ts';

interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly hint: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly secondary?: { readonly hint: string } | null;
}

const apiKeys: Collection<ApiKey> = {
  path: 'api-keys',
  noun: 'API key',
  kind: 'api-key',
  nameOf: ({ name }) => name,
  isOwned: true,
  columns: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    hint: ({ hint, secondary }) => (secondary ? [`…${hint}`, `…${secondary.hint}`] : `…${hint}`),
    scopes: ({ scopes }) => scopes,
    expires_at: ({ expires_at }) => expires_at,
    last_used_at: ({ last_used_at }) => last_used_at,
  },
  fields: [
    { name: 'name', flags: '--name <text>', description: 'the name for people, such as ci' },
    { name: 'scopes', flags: '--scope <scope>', description: 'a scope of the key, such as clients:read', many: 'list' },
    {
      name: 'expires_at',
      flags: '--expires <time>',
      description: 'a time (RFC 3339), a day, or a duration after now such as 90d',
      parse: futureTime,
    },
  ],
};

export function addApiKeys(program: Command): void {
  const group = program.command('api-keys').description('API keys: the credentials for managing an organization');
  const { columns, path } = apiKeys;
  addList(group, 'list API keys', columns, () => ({ path, isOwned: true }));
  addGet(group, apiKeys);
  addCreate(group, apiKeys, { secret: 'api_key' });
  addRotateApiKey(group);
  addDeleteSecondary(group);
  addDelete(group, apiKeys);
}
