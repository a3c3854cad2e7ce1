import { z } from '@hono/zod-openapi';
import { registeredCredentials } from '../../gates/credential-refs.ts';
import type { ClientAuthentication } from '../../gates/protocol.ts';
import { usesSecrets } from '../../store/client-authentication.ts';
import { authenticationOf } from '../../store/client-records.ts';
import { findClient } from '../../store/clients.ts';
import { listSecrets, type StoredSecret } from '../../store/secrets.ts';
import { CREDENTIAL_KINDS, type DescribedCredential, describeCredential } from '../fields/registered-credentials.ts';
import { ClientIdParams, Time, timeOrNull } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { listRouteFor } from '../http/routes.ts';
import { activityOf } from './activity.ts';

const Credential = z
  .object({
    kind: z.enum(CREDENTIAL_KINDS).openapi({
      description:
        'A `secret`; a `key` or `certificate` of the client’s `jwks`; the `published_keys` at its `jwks_uri`; the `certificate_subject` of its certificates; or a `workload`, a federated identity.',
      example: 'key',
    }),
    auth_methods: z.array(z.string()).openapi({
      description: 'The methods by which it authenticates the client.',
      example: ['private_key_jwt'],
    }),
    id: z.string().openapi({
      description:
        'The id of the secret, the RFC 7638 thumbprint of the key, the `x5t#S256` of the certificate, the URL, the subject, or the SHA-256 of the identity.',
      example: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    }),
    name: z.string().nullable().openapi({
      description:
        'A name for people: the last characters of the secret, the `kid` of the key, or the issuer and subject of the identity. Null if it has none.',
      example: '2026-11',
    }),
    field: z.string().nullable().openapi({
      description: 'A JSON pointer to it in the representation of the client. Null for a secret.',
      example: '/jwks/keys/0',
    }),
    last_used_at: Time.nullable().openapi({
      description:
        'When it last authenticated the client, accurate to the hour. Of published keys: any of them. Null if never, and for uses that an older version of the service did not record.',
    }),
  })
  .openapi('Credential');

const listCredentialsRoute = listRouteFor(
  {
    path: '/clients/{client_id}/credentials',
    requires: 'clients:read',
    tag: 'Clients',
    summary: 'List a client’s credentials, with their last use',
    description:
      'Everything that is accepted from the client: its secrets, keys, certificates and federated identities, by the methods that it has. The list is complete: it has no pages.',
  },
  ClientIdParams,
  {},
  Credential,
);

/** Mounts `/clients/{client_id}/credentials` below `/v1`. */
export function clientCredentials(app: ManagementApp): void {
  app.openapi(listCredentialsRoute, async (context) => {
    const { services, administrator } = context.var;
    const { client_id } = context.req.valid('param');
    const client = visible(administrator, await findClient(services.db, client_id));
    const [secrets, activity] = await Promise.all([
      listSecrets(services.db, client.clientId),
      activityOf(services, client.clientId),
    ]);
    const uses = [...activity.secrets, ...(activity.credentials ?? [])];
    const lastUsed = new Map(uses.map(({ id, last_used_at }) => [id, last_used_at]));
    const authentication = authenticationOf(client, client.organizationProfile);
    const data = [
      ...acceptedSecrets(authentication, secrets, Date.now()).map((secret) => ({
        ...secret,
        last_used_at: timeOrNull(lastUsed.get(secret.id)),
      })),
      ...registeredCredentials(authentication).map((credential) => ({
        ...describeCredential(authentication, credential),
        last_used_at: timeOrNull(lastUsed.get(credential.id)),
      })),
    ];
    return context.json({ data, next_cursor: null }, 200);
  });
}

function acceptedSecrets(
  { methods }: ClientAuthentication,
  secrets: readonly StoredSecret[],
  now: number,
): DescribedCredential[] {
  const auth_methods = methods.filter((method) => usesSecrets([method]));
  if (auth_methods.length === 0) return [];
  return secrets
    .filter(({ expiresAt, leakedAt }) => leakedAt === null && (expiresAt === null || expiresAt > now))
    .map(({ id, hint }) => ({ kind: 'secret', auth_methods, id, name: `…${hint}`, field: null }));
}
