import { edgemint } from './address.ts';

type Patch = Readonly<Record<string, unknown>>;

/** The options of `edgemint clients update` by field. */
const OPTIONS: Readonly<Record<string, string>> = {
  client_name: '--name',
  description: '--description',
  owner: '--owner',
  status: '--status',
  expires_at: '--expires-at',
  token_endpoint_auth_method: '--auth-method',
  additional_auth_methods: '--additional-auth-method',
  access_token_ttl: '--access-token-ttl',
  default_resource: '--default-resource',
  security_profile: '--security-profile',
  log: '--log',
  requestable_claims: '--requestable-claim',
  roles: '--role',
  grants: '--grant',
  jwks_uri: '--jwks-uri',
  tls_client_auth_subject_dn: '--tls-subject-dn',
  tls_client_auth_san_dns: '--tls-san-dns',
  tls_client_auth_san_uri: '--tls-san-uri',
  tls_client_auth_san_ip: '--tls-san-ip',
  tls_client_auth_san_email: '--tls-san-email',
  federated_identities: '--federated-identity',
  dpop_bound_access_tokens: '--dpop-bound',
  tls_client_certificate_bound_access_tokens: '--certificate-bound',
  may_rotate_secret: '--may-rotate-secret',
};

/**
 * Returns the `edgemint` command that makes the same change.
 * @param after what the client has after it, for options that set a field as a whole
 * @returns undefined if there is no such option for a field
 */
export function updateCommand(clientId: string, patch: Patch, after: Patch): string | undefined {
  const options = Object.entries(patch).map(([name, value]) => optionsOf(name, value, after[name]));
  if (options.some((words) => words === undefined)) return undefined;
  return edgemint('clients', 'update', clientId, ...options.flatMap((words) => words ?? []));
}

function optionsOf(name: string, value: unknown, after: unknown): string[] | undefined {
  if (name === 'rate_limit') {
    const { per_minute, burst } = after as { readonly per_minute: number; readonly burst: number };
    return ['--rate-limit', `${per_minute}/${burst}`];
  }
  const option = OPTIONS[name];
  if (option === undefined) return undefined;
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0))
    return ['--reset', name.replaceAll('_', '-')];
  if (typeof value === 'boolean') return [value ? option : option.replace('--', '--no-')];
  const words = Array.isArray(value) ? value.map(wordOf) : [wordOf(value)];
  return words.flatMap((word) => (word.startsWith('-') ? [`${option}=${word}`] : [option, word]));
}

function wordOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { resource_server, scopes } = value as {
    readonly resource_server?: string;
    readonly scopes?: readonly string[];
  };
  return resource_server === undefined ? JSON.stringify(value) : [resource_server, ...(scopes ?? [])].join(' ');
}
