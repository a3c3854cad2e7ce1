import { z } from 'zod';
import { ClientFields } from '../../../management/fields/client-fields.ts';
import { Identifier, ResourceServerFields } from '../../../management/fields/resource-server-fields.ts';
import { RoleFields } from '../../../management/fields/role-fields.ts';

// What a file may say: the fields that the management API takes, with its checks and its defaults, so that a file is known to be
// whole before anything is changed.

const ResourceServer = z.strictObject({ identifier: Identifier, ...ResourceServerFields.shape });

// In a file a client's roles stand before its grants.
const { client_name, token_endpoint_auth_method, roles, ...others } = ClientFields.shape;
const Client = z.strictObject({ client_name, token_endpoint_auth_method, roles, ...others });

export const Declaration = z.strictObject({
  resource_servers: z.array(ResourceServer).default([]),
  roles: z.array(RoleFields).default([]),
  clients: z.array(Client).default([]),
});

/** What is to stand, every field there, defaults too. */
export type Declaration = z.infer<typeof Declaration>;

/** With the audience of each workload where none is given: what stands has it. @param issuer the server's own */
export function withAudiences(declaration: Declaration, issuer: string): Declaration {
  const clients = declaration.clients.map((client) => ({
    ...client,
    federated_identities: client.federated_identities.map((identity) => ({ audience: issuer, ...identity })),
  }));
  return { ...declaration, clients };
}

/** The sections of a file, in the order in which each depends on those before it alone. */
export const SECTIONS = ['resource_servers', 'roles', 'clients'] as const;
export type Section = (typeof SECTIONS)[number];

/** The schemas of what a section lists. */
export const SCHEMAS = { resource_servers: ResourceServer, roles: RoleFields, clients: Client };

/** The names of a section's fields, in the order in which a file has them. */
export function fieldNames(section: Section): string[] {
  return Object.keys(SCHEMAS[section].shape);
}

/** The values of the fields that may be left out. */
export function defaults(section: Section): Record<string, unknown> {
  const entries = Object.entries(SCHEMAS[section].shape).flatMap(([name, schema]) => {
    const result = schema.safeParse(undefined);
    return result.success ? [[name, result.data] as const] : [];
  });
  return Object.fromEntries(entries);
}
