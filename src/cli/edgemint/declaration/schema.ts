import { z } from 'zod';
import type { SecretReference } from '../../../declaration/imported.ts';
import { ClientFields } from '../../../management/fields/client-fields.ts';
import { ImportedCredentials } from '../../../management/fields/imported-credentials.ts';
import { Identifier, ResourceServerFields } from '../../../management/fields/resource-server-fields.ts';
import { RoleFields } from '../../../management/fields/role-fields.ts';
import { WebhookFields } from '../../../management/fields/webhook-fields.ts';
import { usesSecrets } from '../../../store/client-authentication.ts';

// The schema of a declaration file. It is made of the schemas of the management API, with their checks and defaults, so that a file is
// fully checked before anything is changed.

const ResourceServer = z.strictObject({ identifier: Identifier, ...ResourceServerFields.shape });

// In a file the roles of a client come before its grants.
const { client_name, token_endpoint_auth_method, roles, ...others } = ClientFields.shape;
const Client = z.strictObject({ client_name, token_endpoint_auth_method, roles, ...others });

const Reference = z.union([
  z.strictObject({ env: z.string().regex(/^[A-Za-z_]\w*$/) }),
  z.strictObject({ file: z.string().min(1) }),
]);

// One text for every fault: somebody who writes a secret here needs to know one thing.
const ClientSecret = z.custom<SecretReference>(
  (value) => Reference.safeParse(value).success,
  'must be a reference: `{env: NAME}` or `{file: path}`. This file never contains the secret itself.',
);

const DeclaredClient = Client.extend({
  client_id: ImportedCredentials.client_id,
  client_secret: ClientSecret.optional(),
}).superRefine((client, { addIssue }) => {
  if (client.client_secret === undefined) return;
  const refuse = (message: string) => addIssue({ code: 'custom', path: ['client_secret'], message });
  if (client.client_id === undefined) refuse('requires `client_id`: a generated id has a generated secret');
  if (usesSecrets([client.token_endpoint_auth_method, ...client.additional_auth_methods])) return;
  refuse('must be left out: the client does not authenticate with a secret');
});

/** Says that an item has a new name, so that it is renamed and not replaced: a client keeps its id and credentials. */
const Moved = z.strictObject({
  type: z.enum(['client', 'role', 'webhook'], {
    error: 'must be client, role or webhook. The identifier of a resource server cannot be changed',
  }),
  from: z.string().min(1),
  to: z.string().min(1),
});

export type Moved = z.infer<typeof Moved>;

export const Declaration = z.strictObject({
  resource_servers: z.array(ResourceServer).default([]),
  roles: z.array(RoleFields).default([]),
  clients: z.array(DeclaredClient).default([]),
  webhooks: z.array(WebhookFields).default([]),
  moved: z.array(Moved).default([]),
});

/** A declaration with every field, defaults included. */
export type Declaration = z.infer<typeof Declaration>;

/** Whether a federated identity has no audience. The server's issuer is then its audience. */
export function lacksAudiences({ clients }: Declaration): boolean {
  return clients.some((client) => client.federated_identities.some(({ audience }) => audience === undefined));
}

/**
 * Adds the audience to each federated identity that has none, as the server does.
 * @param issuer the issuer of the server, which is the default audience
 */
export function withAudiences(declaration: Declaration, issuer: string): Declaration {
  const clients = declaration.clients.map((client) => ({
    ...client,
    federated_identities: client.federated_identities.map((identity) => ({ audience: issuer, ...identity })),
  }));
  return { ...declaration, clients };
}

/** The schema of the items of each section, without the credentials of an imported client, which cannot change. */
export const SCHEMAS = {
  resource_servers: ResourceServer,
  roles: RoleFields,
  clients: Client,
  webhooks: WebhookFields,
};
