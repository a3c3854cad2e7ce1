import type { Client, Organization, ResourceServer, Role, Webhook } from './representations.ts';

/** Describes a kind of resource whose items have names. */
export interface NamedKind<Item> {
  /** The path of the collection below `/v1/`. */
  readonly path: string;
  readonly noun: string;
  /** Matches generated ids. Another text is looked up as a name. */
  readonly id: RegExp;
  readonly idOf: (item: Item) => string;
  readonly namesOf: (item: Item) => readonly string[];
}

export const KINDS = {
  organization: {
    path: 'organizations',
    noun: 'organization',
    id: /^org_/,
    idOf: ({ id }: Organization) => id,
    namesOf: ({ name }: Organization) => [name],
  },
  client: {
    path: 'clients',
    noun: 'client',
    id: /^emc_/,
    idOf: ({ client_id }: Client) => client_id,
    namesOf: ({ client_name }: Client) => [client_name],
  },
  'resource-server': {
    path: 'resource-servers',
    noun: 'resource server',
    id: generated('rs'),
    idOf: ({ id }: ResourceServer) => id,
    namesOf: ({ identifier, name }: ResourceServer) => [identifier, name],
  },
  role: {
    path: 'roles',
    noun: 'role',
    id: generated('role'),
    idOf: ({ id }: Role) => id,
    namesOf: ({ name }: Role) => [name],
  },
  'api-key': {
    path: 'api-keys',
    noun: 'API key',
    id: generated('key'),
    idOf: ({ id }: { id: string }) => id,
    namesOf: ({ name }: { name: string }) => [name],
  },
  webhook: {
    path: 'webhooks',
    noun: 'webhook',
    id: generated('wh'),
    idOf: ({ id }: Webhook) => id,
    namesOf: ({ name }: Webhook) => [name],
  },
  // biome-ignore lint/suspicious/noExplicitAny: each kind has items of its own type.
} as const satisfies Record<string, NamedKind<any>>;

/** A kind of resource that commands find by name or id. */
export type Kind = keyof typeof KINDS;

function generated(prefix: string): RegExp {
  return new RegExp(`^${prefix}_[0-9A-Za-z]{20,}$`);
}
