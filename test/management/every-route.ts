import { env } from 'cloudflare:workers';
import type { ApiKeyScope } from '../../src/management/http/authorization.ts';
import { management } from '../../src/management/index.ts';
import { createServices } from '../../src/services.ts';
import { create, createClient, done, getToken } from '../http.ts';
import { rowsOf } from './rows.ts';

// Every route of the management API, and a request to each that succeeds.

export interface Call {
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface Route {
  readonly requires: ApiKeyScope | 'any' | 'root';
  /** Prepares a resource of an organization, and returns a request to this route that succeeds with a key of that organization. */
  readonly call: (organization: string) => Promise<Call> | Call;
  /** Scopes that the key needs as well, because it passes them on. */
  readonly also?: readonly ApiKeyScope[];
  /** The status that another organization's key with all scopes gets; 404 by default. Null if the request is about the key alone. */
  readonly stranger?: number | null;
}

export const name = () => `name ${crypto.randomUUID()}`;
const identifier = () => `https://${crypto.randomUUID()}.example.com`;
let changes = 0;

export const newServer = (organization_id: string) =>
  create('resource-servers', { organization_id, identifier: identifier(), name: name(), scopes: [{ name: 'a' }] });
export const newRole = (organization_id: string) => create('roles', { organization_id, name: name() });
export const newKey = (organization_id: string) =>
  create('api-keys', { organization_id, name: name(), scopes: ['clients:read'] });
export const newOrganization = () => create('organizations', { name: name() });
export const newClient = (organization_id: string, more = {}) =>
  createClient({ organization_id, client_name: name(), ...more });

/** Returns the body of a new webhook. Deletes the organization's oldest ones, because it may have only so many. */
async function webhookBody(organization_id: string) {
  await env.DB.prepare(
    `DELETE FROM webhooks WHERE organization_id = ?1
     AND rowid NOT IN (SELECT rowid FROM webhooks WHERE organization_id = ?1 ORDER BY rowid DESC LIMIT 12)`,
  )
    .bind(organization_id)
    .run();
  return { organization_id, name: name(), url: 'https://hooks.example.com/in', events: ['webhook.tested'] };
}

const newWebhook = async (organization_id: string) => create('webhooks', await webhookBody(organization_id));

/** Returns the path of a delivery of an organization's webhook. */
export async function pathOfDelivery(organization: string): Promise<string> {
  const { id } = await newWebhook(organization);
  const { event_id } = await done('POST', `webhooks/${id}/test`);
  return `webhooks/${id}/deliveries/${event_id}`;
}

export async function pathOfSecondary(organization: string): Promise<string> {
  const { client_id } = await newClient(organization);
  await done('POST', `clients/${client_id}/secrets/rotate`);
  const [secondary] = await rowsOf<{ id: string }>(
    "SELECT id FROM client_secrets WHERE client_id = ? AND rank = 'secondary'",
    client_id,
  );
  return `clients/${client_id}/secrets/${secondary?.id}`;
}

export async function newToken(organization: string): Promise<string> {
  const { identifier: resource_server } = await newServer(organization);
  const client = await newClient(organization, { grants: [{ resource_server, scopes: ['a'] }] });
  return (await getToken(client)).access_token;
}

export async function newChange(organization: string): Promise<string> {
  const version = 1_000_000 + ++changes;
  await env.DB.prepare("INSERT INTO changes VALUES (?, ?, 'organization.updated', ?, 501, 0, 0)")
    .bind(version, organization, organization)
    .run();
  return String(version);
}

/** Returns a request that takes an unused grant from a client, whose grants are older than they seem. */
export async function applyLeastPrivilege(organization: string): Promise<Call> {
  const { identifier: resource_server } = await newServer(organization);
  const { client_id } = await newClient(organization, { grants: [{ resource_server, scopes: ['a'] }] });
  await env.DB.prepare('UPDATE clients SET updated_at = ? WHERE client_id = ?').bind(0, client_id).run();
  const path = `clients/${client_id}/least-privilege`;
  const { etag, unused_since, patch } = await done<Record<string, string>>('GET', `${path}?unused_for=2`);
  return { path: `${path}/apply`, body: { unused_since, patch }, headers: { 'If-Match': etag ?? '' } };
}

const inHour = () => new Date(Date.now() + 3_600_000).toISOString();

/** The routes that require an API key, as `METHOD /path` below `/v1`. */
export const ROUTES: Readonly<Record<string, Route>> = {
  'GET /me': { requires: 'any', call: () => ({ path: 'me' }), stranger: 200 },
  'POST /organizations': {
    requires: 'root',
    call: () => ({ path: 'organizations', body: { name: name() } }),
    stranger: 403,
  },
  'GET /organizations': { requires: 'organizations:read', call: () => ({ path: 'organizations' }), stranger: 200 },
  'GET /organizations/{id}': { requires: 'organizations:read', call: (id) => ({ path: `organizations/${id}` }) },
  'PATCH /organizations/{id}': {
    requires: 'root',
    call: async () => ({ path: `organizations/${(await newOrganization()).id}`, body: { metadata: { seen: 'yes' } } }),
    stranger: 403,
  },
  'DELETE /organizations/{id}': {
    requires: 'root',
    call: async () => ({ path: `organizations/${(await newOrganization()).id}` }),
    stranger: 403,
  },
  'POST /organizations/{id}/revoke-tokens': {
    requires: 'tokens:revoke',
    call: (id) => ({ path: `organizations/${id}/revoke-tokens`, body: {} }),
  },
  'POST /api-keys': {
    requires: 'api-keys:write',
    // A key cannot grant a scope that it does not have.
    call: (organization_id) => ({
      path: 'api-keys',
      body: { organization_id, name: name(), scopes: ['api-keys:write'] },
    }),
  },
  'GET /api-keys': { requires: 'api-keys:read', call: (id) => ({ path: `api-keys?organization_id=${id}` }) },
  'GET /api-keys/{id}': {
    requires: 'api-keys:read',
    call: async (id) => ({ path: `api-keys/${(await newKey(id)).id}` }),
  },
  'DELETE /api-keys/{id}': {
    requires: 'api-keys:write',
    call: async (id) => ({ path: `api-keys/${(await newKey(id)).id}` }),
  },
  'POST /api-keys/{id}/rotate': {
    // Or the rotated key itself.
    requires: 'api-keys:write',
    call: async (organization_id) => {
      const { id } = await create('api-keys', { organization_id, name: name(), scopes: ['api-keys:write'] });
      return { path: `api-keys/${id}/rotate`, body: {} };
    },
  },
  'DELETE /api-keys/{id}/secondary': {
    requires: 'api-keys:write',
    call: async (organization_id) => {
      const { id } = await newKey(organization_id);
      await done('POST', `api-keys/${id}/rotate`);
      return { path: `api-keys/${id}/secondary` };
    },
  },
  'POST /resource-servers': {
    requires: 'resource-servers:write',
    call: (organization_id) => ({
      path: 'resource-servers',
      body: { organization_id, identifier: identifier(), name: name() },
    }),
  },
  'GET /resource-servers': {
    requires: 'resource-servers:read',
    call: (id) => ({ path: `resource-servers?organization_id=${id}` }),
  },
  'GET /resource-servers/{id}': {
    requires: 'resource-servers:read',
    call: async (id) => ({ path: `resource-servers/${(await newServer(id)).id}` }),
  },
  'PATCH /resource-servers/{id}': {
    requires: 'resource-servers:write',
    call: async (id) => ({ path: `resource-servers/${(await newServer(id)).id}`, body: { name: name() } }),
  },
  'DELETE /resource-servers/{id}': {
    requires: 'resource-servers:write',
    call: async (id) => ({ path: `resource-servers/${(await newServer(id)).id}` }),
  },
  'POST /roles': {
    requires: 'roles:write',
    call: (organization_id) => ({ path: 'roles', body: { organization_id, name: name() } }),
  },
  'GET /roles': { requires: 'roles:read', call: (id) => ({ path: `roles?organization_id=${id}` }) },
  'GET /roles/{id}': { requires: 'roles:read', call: async (id) => ({ path: `roles/${(await newRole(id)).id}` }) },
  'PATCH /roles/{id}': {
    requires: 'roles:write',
    call: async (id) => ({ path: `roles/${(await newRole(id)).id}`, body: { description: 'seen' } }),
  },
  'DELETE /roles/{id}': { requires: 'roles:write', call: async (id) => ({ path: `roles/${(await newRole(id)).id}` }) },
  'POST /clients': {
    requires: 'clients:write',
    call: (organization_id) => ({ path: 'clients', body: { organization_id, client_name: name() } }),
  },
  'GET /clients': { requires: 'clients:read', call: (id) => ({ path: `clients?organization_id=${id}` }) },
  'GET /clients/{client_id}': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}` }),
  },
  'PATCH /clients/{client_id}': {
    requires: 'clients:write',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}`, body: { status: 'disabled' } }),
  },
  'DELETE /clients/{client_id}': {
    requires: 'clients:write',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}` }),
  },
  'POST /clients/{client_id}/revoke-tokens': {
    requires: 'tokens:revoke',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/revoke-tokens`, body: {} }),
  },
  'GET /clients/{client_id}/secrets': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/secrets` }),
  },
  'GET /secrets': { requires: 'clients:read', call: (id) => ({ path: `secrets?organization_id=${id}` }) },
  'POST /clients/{client_id}/secrets/rotate': {
    requires: 'clients:write',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/secrets/rotate`, body: {} }),
  },
  'POST /clients/{client_id}/secrets/{id}/promote': {
    requires: 'clients:write',
    call: async (id) => ({ path: `${await pathOfSecondary(id)}/promote`, body: {} }),
  },
  'DELETE /clients/{client_id}/secrets/{id}': {
    requires: 'clients:write',
    call: async (id) => ({ path: await pathOfSecondary(id) }),
  },
  'GET /clients/{client_id}/credentials': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/credentials` }),
  },
  'GET /clients/{client_id}/effective-scopes': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/effective-scopes` }),
  },
  'GET /clients/{client_id}/usage': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/usage` }),
  },
  'GET /clients/{client_id}/diagnosis': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/diagnosis` }),
  },
  'GET /usage': { requires: 'clients:read', call: () => ({ path: 'usage' }), stranger: 200 },
  'GET /usage/top-clients': { requires: 'clients:read', call: () => ({ path: 'usage/top-clients' }), stranger: 200 },
  'GET /clients/{client_id}/least-privilege': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/least-privilege` }),
  },
  'POST /clients/{client_id}/least-privilege/apply': { requires: 'clients:write', call: applyLeastPrivilege },
  'GET /organizations/{id}/least-privilege': {
    requires: 'clients:read',
    call: (id) => ({ path: `organizations/${id}/least-privilege` }),
  },
  'GET /clients/{client_id}/quota': {
    requires: 'clients:read',
    call: async (id) => ({ path: `clients/${(await newClient(id)).client_id}/quota` }),
  },
  'POST /tokens/revoke': {
    requires: 'tokens:revoke',
    call: async (id) => ({
      path: 'tokens/revoke',
      body: { jti: 'j', client_id: (await newClient(id)).client_id, expires_at: inHour() },
    }),
  },
  'GET /signing-keys': { requires: 'root', call: () => ({ path: 'signing-keys' }), stranger: 403 },
  'POST /signing-keys/rotate': {
    requires: 'root',
    call: async () => {
      await env.DB.prepare('UPDATE signing_keys SET created_at = 0, signs_from = 0').run();
      return { path: 'signing-keys/rotate', body: { alg: 'ES256' } };
    },
    stranger: 403,
  },
  'GET /master-keys': { requires: 'root', call: () => ({ path: 'master-keys' }), stranger: 403 },
  'POST /master-keys/reseal': { requires: 'root', call: () => ({ path: 'master-keys/reseal' }), stranger: 403 },
  'GET /audit-events': { requires: 'audit:read', call: (id) => ({ path: `audit-events?organization_id=${id}` }) },
  'POST /webhooks': {
    requires: 'webhooks:write',
    call: async (id) => ({ path: 'webhooks', body: await webhookBody(id) }),
  },
  'GET /webhooks': { requires: 'webhooks:read', call: (id) => ({ path: `webhooks?organization_id=${id}` }) },
  'GET /webhooks/{id}': {
    requires: 'webhooks:read',
    call: async (id) => ({ path: `webhooks/${(await newWebhook(id)).id}` }),
  },
  'PATCH /webhooks/{id}': {
    requires: 'webhooks:write',
    call: async (id) => ({ path: `webhooks/${(await newWebhook(id)).id}`, body: { status: 'disabled' } }),
  },
  'DELETE /webhooks/{id}': {
    requires: 'webhooks:write',
    call: async (id) => ({ path: `webhooks/${(await newWebhook(id)).id}` }),
  },
  'POST /webhooks/{id}/rotate-secret': {
    requires: 'webhooks:write',
    call: async (id) => ({ path: `webhooks/${(await newWebhook(id)).id}/rotate-secret`, body: {} }),
  },
  'POST /webhooks/{id}/test': {
    requires: 'webhooks:write',
    call: async (id) => ({ path: `webhooks/${(await newWebhook(id)).id}/test` }),
  },
  'GET /webhooks/{id}/deliveries': {
    requires: 'webhooks:read',
    call: async (id) => ({ path: `webhooks/${(await newWebhook(id)).id}/deliveries` }),
  },
  'GET /webhooks/{id}/deliveries/{event_id}': {
    requires: 'webhooks:read',
    call: async (id) => ({ path: await pathOfDelivery(id) }),
  },
  'POST /webhooks/{id}/deliveries/{event_id}/redeliver': {
    requires: 'webhooks:write',
    call: async (id) => ({ path: `${await pathOfDelivery(id)}/redeliver` }),
  },
  'POST /console-links': { requires: 'any', call: () => ({ path: 'console-links', body: {} }), stranger: null },
  'POST /portal-links': {
    requires: 'portal-links:write',
    also: ['clients:read'],
    call: (organization_id) => ({
      path: 'portal-links',
      // A key cannot grant a scope that it does not have.
      body: { organization_id, scopes: ['clients:read'], return_url: 'https://app.example.com/' },
    }),
  },
  'GET /changes/{id}': { requires: 'any', call: async (id) => ({ path: `changes/${await newChange(id)}` }) },
};

// The only route without a key: the secret itself is the proof. Its own tests are in leaked-secrets.test.ts.
export const PUBLIC = ['POST /leaked-secrets'];

/** The routes that are mounted, as `METHOD /path` below `/v1`. */
export const MOUNTED = new Set(
  management(createServices(env))
    .routes.filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/^\/v1/, '').replace(/:(\w+)/g, '{$1}')}`),
);
