import { z } from '@hono/zod-openapi';
import { type RegisteredCredential, registeredCredentials } from '../../gates/credential-refs.ts';
import type { ClientAuthentication } from '../../gates/protocol.ts';
import { usesSecrets } from '../../store/client-authentication.ts';
import { authenticationOf } from '../../store/client-records.ts';
import { findClient } from '../../store/clients.ts';
import { listSecrets, type StoredSecret } from '../../store/secrets.ts';
import { ClientIdParams, Time, timeOrNull } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { pointer } from '../http/problem.ts';
import { listRouteFor } from '../http/routes.ts';
import { activityOf } from './activity.ts';

const CREDENTIAL_TYPES = [
  'secret',
  'key',
  'certificate',
  'jwks_uri',
  'certificate_subject',
  'federated_identity',
] as const;
type CredentialType = (typeof CREDENTIAL_TYPES)[number];

const Credential = z
  .object({
    type: z.enum(CREDENTIAL_TYPES).openapi({
      description:
        'A `secret`; a `key` or `certificate` of the client’s `jwks`; all keys that it publishes at its `jwks_uri`; the subject of its certificates; or a federated identity.',
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
        'When it last authenticated the client, accurate to the hour. Of a `jwks_uri`: any of the keys there. Null if never, and for uses that an older version of the service did not record.',
    }),
  })
  .openapi('Credential');
type Credential = z.infer<typeof Credential>;

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
        ...describe(authentication, credential),
        last_used_at: timeOrNull(lastUsed.get(credential.id)),
      })),
    ];
    return context.json({ data, next_cursor: null }, 200);
  });
}

type Described = Omit<Credential, 'last_used_at'>;

function acceptedSecrets(
  { methods }: ClientAuthentication,
  secrets: readonly StoredSecret[],
  now: number,
): Described[] {
  const auth_methods = methods.filter((method) => usesSecrets([method]));
  if (auth_methods.length === 0) return [];
  return secrets
    .filter(({ expiresAt, leakedAt }) => leakedAt === null && (expiresAt === null || expiresAt > now))
    .map(({ id, hint }) => ({ type: 'secret', auth_methods, id, name: `…${hint}`, field: null }));
}

/** Returns what the API shows of a credential that is no secret. */
function describe(
  authentication: ClientAuthentication,
  { method, source, index = 0 }: RegisteredCredential,
): Described {
  const { keys, jwks_uri, tls_subject, federated_identities } = authentication;
  const of = (type: CredentialType, id: string, name: string | null, field: string): Described => ({
    type,
    auth_methods: [method],
    id,
    name,
    field,
  });
  if (source === 'keys') {
    const { jwk, thumbprint = '', certificate = null } = keys[index] ?? {};
    const isCertificate = method === 'self_signed_tls_client_auth';
    const id = isCertificate ? (certificate ?? '') : thumbprint;
    return of(isCertificate ? 'certificate' : 'key', id, jwk?.kid ?? null, pointer('jwks', 'keys', index));
  }
  if (source === 'jwks_uri') return of('jwks_uri', jwks_uri ?? '', null, pointer('jwks_uri'));
  if (source === 'tls_subject') {
    const { type = '', value = '' } = tls_subject ?? {};
    return of('certificate_subject', value, null, pointer(`tls_client_auth_${type}`));
  }
  const { digest = '', issuer, subject } = federated_identities[index] ?? {};
  const name = [issuer, subject].filter(Boolean).join(' ');
  return of('federated_identity', digest, name, pointer('federated_identities', index));
}
