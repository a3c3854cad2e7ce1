import type { Schema } from '../../api/types.ts';

/** An answer of the API: members that have a default may be left out of a request, and are always there in an answer. */
type Complete<T> = T extends readonly (infer Item)[]
  ? readonly Complete<Item>[]
  : T extends object
    ? { readonly [Name in keyof T]-?: Complete<Exclude<T[Name], undefined>> }
    : T;

/** An option of a select field. */
interface Option {
  readonly value: string;
  readonly label: string;
}

export type Client = Complete<Schema<'Client'>>;
export type Method = Client['token_endpoint_auth_method'];

/** The authentication methods, as people call them. */
export const METHOD_LABELS: Readonly<Record<Method, string>> = {
  client_secret_basic: 'Secret (header)',
  client_secret_post: 'Secret (body)',
  private_key_jwt: 'Key (private_key_jwt)',
  tls_client_auth: 'Certificate (PKI)',
  self_signed_tls_client_auth: 'Certificate (self-signed)',
  federated_jwt: 'Workload identity',
};

/** The kinds of credentials, for a narrow column. */
export const SHORT_METHOD_LABELS: Readonly<Record<Method, string>> = {
  client_secret_basic: 'Secret',
  client_secret_post: 'Secret',
  private_key_jwt: 'Key',
  tls_client_auth: 'Certificate',
  self_signed_tls_client_auth: 'Certificate',
  federated_jwt: 'Workload',
};

const ANY = { value: '', label: 'Any' };

export const METHOD_OPTIONS: readonly Option[] = Object.entries(METHOD_LABELS).map(([value, label]) => ({
  value,
  label,
}));

export const FILTER_OPTIONS = {
  status: [ANY, { value: 'active', label: 'Active' }, { value: 'disabled', label: 'Disabled' }],
  auth_method: [ANY, ...METHOD_OPTIONS],
  unused_since: [
    ANY,
    ...[7, 30, 60, 90, 180, 365].map((days) => ({ value: `${days}d`, label: `Not used for ${days} days` })),
  ],
  expires_before: [
    ANY,
    { value: '0d', label: 'Expired' },
    ...[7, 30, 90].map((days) => ({ value: `${days}d`, label: `Within ${days} days` })),
  ],
  sort: [
    { value: '', label: 'Name, A to Z' },
    { value: '-name', label: 'Name, Z to A' },
    { value: '-last_used_at', label: 'Last used first' },
    { value: 'last_used_at', label: 'Longest unused first' },
    { value: '-created_at', label: 'Newest first' },
    { value: 'created_at', label: 'Oldest first' },
  ],
} as const satisfies Readonly<Record<string, readonly Option[]>>;

/** Returns options that include a value of an address that has no option of its own. */
export function withValue(options: readonly Option[], value: string): readonly Option[] {
  return options.some((option) => option.value === value) ? options : [...options, { value, label: value }];
}

/** Returns what a client is now: its status, or that it has expired, and why. @param now milliseconds since the epoch */
export function stateOf(
  { status, disabled_reason, expires_at }: Pick<Client, 'status' | 'disabled_reason' | 'expires_at'>,
  now: number,
): { readonly label: string; readonly tone: 'good' | 'bad'; readonly reason: string | undefined } {
  if (status === 'disabled') {
    const reason =
      disabled_reason === 'unused' ? 'The policy for unused clients disabled it' : 'An administrator disabled it';
    return { label: disabled_reason === 'unused' ? 'Disabled: unused' : 'Disabled', tone: 'bad', reason };
  }
  if (expires_at !== null && Date.parse(expires_at) <= now)
    return { label: 'Expired', tone: 'bad', reason: 'Its expiry has passed' };
  return { label: 'Active', tone: 'good', reason: undefined };
}
