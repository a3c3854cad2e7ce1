import { ACCESS_TOKEN, CLAIMS, CLIENT_ID, CLIENT_SECRET, JWK } from './oauth/examples.ts';

// Example bodies for the management API. They can be sent one after the other, as a test does, and yield the representations below.

const organization_id = CLAIMS.org_id;
const RESOURCE = CLAIMS.aud;
const created_at = '2026-11-22T01:44:29.659Z';
const updated_at = created_at;

const organization = {
  name: 'Acme',
  subject: 'client',
  metadata: { plan: 'gold' },
  unused_clients: { report_after_days: 60, disable_after_days: 90, except: [] },
};
const apiKey = { name: 'Deployment pipeline', scopes: ['clients:read', 'clients:write'] };
const resourceServer = {
  identifier: RESOURCE,
  name: 'Orders API',
  scopes: [
    { name: 'orders:read', description: 'See orders' },
    { name: 'orders:write', description: 'Place and change orders' },
  ],
};
const role = {
  name: 'order-reader',
  description: 'May see orders',
  grants: [{ resource_server: RESOURCE, scopes: ['orders:read'] }],
};
const client = {
  client_name: 'Invoice worker',
  description: 'Sends the invoices of the night run.',
  owner: 'billing@example.com',
  grants: [{ resource_server: RESOURCE, scopes: ['orders:write'] }],
  roles: ['order-reader'],
  metadata: { region: 'eu' },
};

const webhook = {
  name: 'Audit trail',
  url: 'https://hooks.example.com/edgemint',
  events: ['client.updated', 'secret.expiring', 'webhook.disabled'],
};

const clientKey = {
  kty: 'EC',
  crv: 'P-256',
  kid: '2026-11',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};

/** Request bodies, by operation id. */
export const REQUESTS = {
  createOrganization: organization,
  updateOrganization: { metadata: { plan: null, region: 'eu' } },
  createApiKey: { organization_id, ...apiKey },
  rotateApiKey: { grace_seconds: 86_400 },
  createResourceServer: { organization_id, ...resourceServer },
  updateResourceServer: { access_token_ttl: 900 },
  createRole: { organization_id, ...role },
  updateRole: { description: 'May see orders and nothing else' },
  createClient: { organization_id, ...client },
  // Migrates from a secret to a key.
  updateClient: {
    token_endpoint_auth_method: 'private_key_jwt',
    additional_auth_methods: ['client_secret_basic'],
    jwks: { keys: [clientKey] },
    access_token_ttl: 600,
    rate_limit: { per_minute: 60 },
    quota: { tokens_per_day: 10_000, action: 'enforce' },
    expires_at: '2036-12-31T23:59:59Z',
  },
  rotateSecretsOfClient: { grace_seconds: 86_400 },
  promoteSecretOfClient: {},
  revokeTokensOfClient: {},
  revokeTokensOfOrganization: {},
  revokeTokens: { token: ACCESS_TOKEN },
  rotateSigningKeys: { alg: 'ES256' },
  resealMasterKeys: {},
  createWebhook: { organization_id, ...webhook },
  updateWebhook: { events: null },
  rotateSecretOfWebhook: { grace_seconds: 3600 },
  testWebhook: {},
  redeliverDeliveryOfWebhook: {},
  applyLeastPrivilegeOfClient: { unused_since: '2026-08-24T01:44:29.659Z', patch: { grants: [] } },
  createConsoleLink: {},
  createPortalLink: {
    organization_id,
    scopes: ['clients:read', 'clients:write'],
    return_url: 'https://app.example.com/settings/machines',
    name: 'Ada Lovelace',
  },
  reportLeakedSecret: { secret: CLIENT_SECRET },
} as const;

const Organization = {
  id: organization_id,
  ...organization,
  status: 'active',
  quota: null,
  security_profile: 'standard',
  created_at,
  updated_at,
};
const ApiKey = {
  id: 'key_55BOxXwsVRe1CaCQaRtNSx',
  organization_id,
  ...apiKey,
  expires_at: null,
  hint: 'fKWB',
  created_at,
  last_used_at: null,
  rotated_at: null,
  secondary: null,
};
const Client = {
  client_id: CLIENT_ID,
  organization_id,
  client_name: client.client_name,
  description: client.description,
  owner: client.owner,
  token_endpoint_auth_method: 'client_secret_basic',
  additional_auth_methods: [],
  jwks: null,
  jwks_uri: null,
  tls_client_auth_subject_dn: null,
  tls_client_auth_san_dns: null,
  tls_client_auth_san_uri: null,
  tls_client_auth_san_ip: null,
  tls_client_auth_san_email: null,
  federated_identities: [],
  assertion_lifetime_max: 300,
  assertion_audience: 'issuer',
  dpop_bound_access_tokens: false,
  dpop_nonce_required: false,
  tls_client_certificate_bound_access_tokens: false,
  security_profile: 'standard',
  grants: client.grants,
  roles: client.roles,
  introspects: [],
  default_resource: null,
  access_token_ttl: null,
  rate_limit: { per_minute: 600, burst: 100 },
  quota: null,
  claims: {},
  requestable_claims: [],
  may_rotate_secret: false,
  log: 'sampled',
  metadata: client.metadata,
  status: 'active',
  expires_at: null,
  created_at,
  updated_at,
  last_used_at: null,
  disabled_reason: null,
};

const Role = { id: 'role_0fUpztcxpS5hu03LvaKcXm', organization_id, ...role, created_at, updated_at };
const Secret = {
  id: 'sec_0OBdoNzKRyUZWLWb5OADBO',
  rank: 'primary',
  hint: CLIENT_SECRET.slice(-4),
  created_at,
  expires_at: null,
  leaked_at: null,
  last_used_at: null,
  safe_to_delete: false,
  reason: 'It is the primary secret.',
};

const Webhook = {
  id: 'wh_3qZ8GkL0yXn5bVt1RwCs7D',
  organization_id,
  name: webhook.name,
  description: '',
  url: webhook.url,
  events: webhook.events,
  status: 'active',
  signing_secrets: [{ hint: 'pV0k', created_at, expires_at: null }],
  disabled_reason: null,
  failing_since: null,
  created_at,
  updated_at,
};
const WebhookDelivery = {
  event_id: 'evt_0oWlXrD56moKdtYq7gqL6e',
  event: 'client.updated',
  status: 'delivered',
  attempts: 1,
  created_at,
  next_attempt_at: null,
  last_attempt_at: created_at,
  last_status: 204,
  last_fault: null,
};

/** Representations, by schema name. */
export const REPRESENTATIONS = {
  Organization,
  ApiKey,
  Me: {
    kind: 'api_key',
    id: ApiKey.id,
    name: ApiKey.name,
    organization: { id: organization_id, name: organization.name },
    scopes: ApiKey.scopes,
    rank: 'primary',
    expires_at: null,
    issuer: CLAIMS.iss,
    version: '1.2.3',
  },
  CreatedApiKey: { ...ApiKey, api_key: 'emk_eZ9e92mIVvuPrXHD3dcJ5Wkqw8ABwDttxkg9EaXHPUI06QSovld0ffKWB' },
  ConsoleLink: {
    id: 'plk_7n42DGM5Tflk9n8mt7Fhc7',
    url: `${CLAIMS.iss}/console/link#eml_eZ9e92mIVvuPrXHD3dcJ5Wkqw8ABwDttxkg9EaXHPUI06QSovld0ffKWB`,
    expires_at: '2026-11-22T01:54:29.659Z',
  },
  ResourceServer: {
    id: 'rs_1nP7XHvRA6cPFGlpa8D5Vx',
    organization_id,
    ...resourceServer,
    access_token_ttl: null,
    signing_alg: 'ES256',
    access_token_typ: 'at+jwt',
    introspection: 'strong',
    scope_policy: 'exact',
    accepted_claims: [],
    created_at,
    updated_at,
  },
  Role,
  LeastPrivilege: {
    client_id: CLIENT_ID,
    client_name: client.client_name,
    organization_id,
    etag: '"41"',
    judged_at: created_at,
    unused_since: '2026-08-24T01:44:29.659Z',
    observed_since: '2026-03-02T09:12:07.000Z',
    scopes: [
      {
        resource_server: RESOURCE,
        scope: 'orders:read',
        direct: false,
        roles: ['order-reader'],
        last_requested_at: '2026-11-22T01:00:00.000Z',
        last_issued_at: '2026-11-22T01:00:00.000Z',
        last_introspected_at: '2026-11-21T23:00:00.000Z',
        status: 'used',
        unused_since: null,
        reason: null,
      },
      {
        resource_server: RESOURCE,
        scope: 'orders:write',
        direct: true,
        roles: [],
        last_requested_at: '2026-04-30T16:00:00.000Z',
        last_issued_at: '2026-04-30T16:00:00.000Z',
        last_introspected_at: null,
        status: 'unused',
        unused_since: '2026-05-01T17:00:00.000Z',
        reason: null,
      },
    ],
    roles: [],
    patch: { grants: [] },
  },
  Client,
  CreatedClient: { ...Client, client_secret: CLIENT_SECRET },
  Diagnosis: {
    client_id: CLIENT_ID,
    organization_id,
    checked_at: '2026-11-22T02:00:00.000Z',
    status: 'active',
    organization_status: 'active',
    expires_at: null,
    last_used_at: created_at,
    findings: [
      {
        finding: 'secret_expires_soon',
        severity: 'warning',
        meaning: 'A secret of the client expires within 7 days.',
        next_step: 'Give every machine the primary secret before that.',
        names: [],
      },
      {
        finding: 'scope_unknown',
        severity: 'warning',
        meaning: 'A request named a scope that does not exist at its resource server.',
        next_step: 'Compare the `scope` that the machine sends with the scopes of the resource server.',
        names: ['orders:delete'],
      },
    ],
    summary: [
      {
        reason: 'invalid_scope',
        count: 12,
        last_at: '2026-11-22T01:59:58.000Z',
        meaning: 'A requested scope is not granted to the client at that resource server, or is malformed.',
        next_step: 'Compare the requested scopes with `effective_scopes`, and grant what is missing.',
      },
    ],
    credentials: [
      { kind: 'secret', name: Secret.id, expires_at: '2026-11-28T12:00:00.000Z', last_used_at: created_at },
    ],
    effective_scopes: [
      {
        resource_server: RESOURCE,
        sources: [{ type: 'direct' }, { type: 'role', id: 'role_0fUpztcxpS5hu03LvaKcXm', name: role.name }],
        scopes: [
          { name: 'orders:read', sources: [{ type: 'role', id: 'role_0fUpztcxpS5hu03LvaKcXm', name: role.name }] },
          { name: 'orders:write', sources: [{ type: 'direct' }] },
        ],
      },
    ],
    rate_limit: { per_minute: 600, burst: 100, remaining: 99, reset_seconds: 1 },
    refusals: [
      {
        at: '2026-11-22T01:59:58.000Z',
        first_at: '2026-11-22T01:44:30.000Z',
        count: 12,
        reason: 'invalid_scope',
        endpoint: 'token',
        status: 400,
        error: 'invalid_scope',
        description: `Not granted at ${RESOURCE}: orders:delete.`,
        request_id: '471f12a8-bfc1-4a58-b1a9-5453b0c7769c',
        address: '192.0.2.7',
        authenticated: true,
        resource: null,
        scopes: ['orders:read', 'orders:delete'],
      },
    ],
  },
  Secret,
  OrganizationSecret: { client_id: CLIENT_ID, client_name: 'Invoice worker', ...Secret },
  CreatedSecret: { ...Secret, client_id: CLIENT_ID, client_secret: CLIENT_SECRET },
  AuditEvent: {
    id: 'evt_0oWlXrD56moKdtYq7gqL6e',
    at: created_at,
    organization_id,
    actor: 'root',
    action: 'role.created',
    target: Role.id,
    address: '192.0.2.7',
    changes: role,
    request_id: 'd5a609e0-453c-449b-ae31-94a1cb743ca0',
  },
  UsageInterval: { start: '2026-11-22T01:00:00.000Z', issued: 4211, refused: { rate_limited: 3 } },
  TopClient: {
    client_id: CLIENT_ID,
    client_name: client.client_name,
    issued: 4211,
    refused: 3,
    organization_id,
    missed_at_most: 0,
  },
  Webhook,
  CreatedWebhook: { ...Webhook, signing_secret: 'whsec_kSQnGr0FJ8bXw1ZfVmT5yUe3hLdPaC7oRiNtB2gEpV0k=' },
  WebhookDelivery,
  WebhookDeliveryWithPayload: {
    ...WebhookDelivery,
    payload: {
      type: 'client.updated',
      timestamp: created_at,
      data: {
        id: WebhookDelivery.event_id,
        organization_id,
        target: CLIENT_ID,
        actor: 'root',
        address: '192.0.2.7',
        changes: { status: 'disabled' },
        request_id: 'd5a609e0-453c-449b-ae31-94a1cb743ca0',
      },
    },
  },
  SigningKey: {
    kid: JWK.kid,
    alg: JWK.alg,
    status: 'active',
    created_at,
    activated_at: created_at,
    retired_at: null,
    signs_from: created_at,
    public_jwk: JWK,
  },
  MasterKey: {
    id: 'h3Vb0kPq',
    status: 'previous',
    signing_keys: 0,
    webhooks: 0,
    may_go_at: '2026-11-23T01:45:29.659Z',
  },
  Change: {
    id: '1042',
    status: 'pending',
    action: 'signing_keys.revoked',
    target: JWK.kid,
    gates: 0,
    delivered: 0,
    created_at,
    settles_at: '2026-11-22T01:47:29.659Z',
  },
} as const;

/** Example values of the path parameter `id`, by the collection before it. */
export const PATH_IDS: Readonly<Record<string, string>> = {
  organizations: organization_id,
  'api-keys': ApiKey.id,
  'resource-servers': REPRESENTATIONS.ResourceServer.id,
  roles: Role.id,
  secrets: Secret.id,
  changes: REPRESENTATIONS.Change.id,
  webhooks: Webhook.id,
};
