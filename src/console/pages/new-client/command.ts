import type { NewClientBody } from './draft.ts';
import { shell } from './quote.ts';

/** Returns the command that creates the same client. What has no short form is read from a file. */
export function createCommand(body: NewClientBody): string {
  const { jwks, federated_identities, rate_limit } = body as NewClientBody & {
    readonly jwks?: unknown;
    readonly federated_identities?: readonly unknown[];
    readonly rate_limit?: { readonly per_minute?: number; readonly burst?: number };
  };
  const options = Object.entries(body).flatMap(([name, value]) => {
    const flag = FLAGS[name];
    return flag === undefined || typeof value === 'object'
      ? []
      : [typeof value === 'boolean' ? flag : `${flag} ${shell(String(value))}`];
  });
  return [
    'edgemint clients create',
    ...options,
    ...(jwks === undefined ? [] : ['--jwks-file public.json']),
    ...(federated_identities ?? []).map((identity) => `--federated-identity ${shell(JSON.stringify(identity))}`),
    ...(body.grants ?? []).map(
      ({ resource_server, scopes }) => `--grant ${shell([resource_server, ...scopes].join(' '))}`,
    ),
    ...(body.roles ?? []).map((role) => `--role ${shell(role)}`),
    ...(rate_limit ? [`--rate-limit ${rate_limit.per_minute ?? 600}/${rate_limit.burst ?? 100}`] : []),
  ].join(' \\\n  ');
}

const FLAGS: Readonly<Record<string, string>> = {
  organization_id: '--organization',
  client_name: '--name',
  description: '--description',
  owner: '--owner',
  token_endpoint_auth_method: '--auth-method',
  jwks_uri: '--jwks-uri',
  tls_client_auth_subject_dn: '--tls-subject-dn',
  tls_client_auth_san_dns: '--tls-san-dns',
  tls_client_auth_san_uri: '--tls-san-uri',
  tls_client_auth_san_ip: '--tls-san-ip',
  tls_client_auth_san_email: '--tls-san-email',
  dpop_bound_access_tokens: '--dpop-bound',
  tls_client_certificate_bound_access_tokens: '--certificate-bound',
  access_token_ttl: '--access-token-ttl',
  expires_at: '--expires-at',
};

/** Returns the options that a new item has: there is nothing to reset. */
export function withoutResets(options: readonly string[]): string[] {
  return options.filter((option) => !option.startsWith('--reset '));
}

/** Returns a command with its options, one a line if they are many. */
export function commandOf(command: string, organizationId: string | undefined, options: readonly string[]): string {
  const all = [...(organizationId === undefined ? [] : [`--organization ${shell(organizationId)}`]), ...options];
  const line = [command, ...all].join(' ');
  return line.length <= 80 ? line : [command, ...all].join(' \\\n  ');
}
