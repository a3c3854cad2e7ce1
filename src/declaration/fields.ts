/** The sections of a file. Each depends only on those before it. */
export const SECTIONS = ['resource_servers', 'roles', 'clients', 'webhooks'] as const;
export type Section = (typeof SECTIONS)[number];

/**
 * The fields of each section in their order in a file, and the defaults of those that may be left out. The console writes files too, and the
 * schemas of the management API, which say the same, are too large for it: a test compares them.
 */
const FIELDS: Readonly<Record<Section, readonly (readonly [name: string, byDefault?: unknown])[]>> = {
  resource_servers: [
    ['identifier'],
    ['name'],
    ['scopes', []],
    ['access_token_ttl', null],
    ['signing_alg', 'ES256'],
    ['access_token_typ', 'at+jwt'],
    ['introspection', 'strong'],
    ['scope_policy', 'exact'],
    ['accepted_claims', []],
  ],
  roles: [['name'], ['description', ''], ['grants', []]],
  clients: [
    ['client_name'],
    ['token_endpoint_auth_method', 'client_secret_basic'],
    ['roles', []],
    ['description', ''],
    ['owner', null],
    ['additional_auth_methods', []],
    ['jwks', null],
    ['jwks_uri', null],
    ['assertion_lifetime_max', 300],
    ['assertion_audience', 'issuer'],
    ['tls_client_auth_subject_dn', null],
    ['tls_client_auth_san_dns', null],
    ['tls_client_auth_san_uri', null],
    ['tls_client_auth_san_ip', null],
    ['tls_client_auth_san_email', null],
    ['federated_identities', []],
    ['dpop_bound_access_tokens', false],
    ['dpop_nonce_required', false],
    ['tls_client_certificate_bound_access_tokens', false],
    ['security_profile', 'standard'],
    ['grants', []],
    ['introspects', []],
    ['default_resource', null],
    ['access_token_ttl', null],
    ['rate_limit', { per_minute: 600, burst: 100 }],
    ['quota', null],
    ['claims', {}],
    ['requestable_claims', []],
    ['may_rotate_secret', false],
    ['log', 'sampled'],
    ['metadata', {}],
    ['status', 'active'],
    ['expires_at', null],
  ],
  webhooks: [['name'], ['description', ''], ['url'], ['events', null], ['status', 'active']],
};

/** Returns the names of a section's fields, in their order in a file. */
export function fieldNames(section: Section): string[] {
  return FIELDS[section].map(([name]) => name);
}

/** Returns the defaults of the optional fields. */
export function defaults(section: Section): Record<string, unknown> {
  return Object.fromEntries(FIELDS[section].filter((field) => field.length === 2));
}
