import { shellWord } from '../../lib/shell-word.ts';

type OptionValue = string | number | boolean | readonly string[] | null | undefined;
type Options = Readonly<Record<string, OptionValue>>;

const LINE_LENGTH = 80;

/**
 * Writes an `edgemint` command, with each option on a line of its own if it is long.
 * @param words the names of the command and its arguments
 * @param options by name, without the dashes. Those without a value, and those that are false, are left out; a list repeats its option
 */
export function commandFor(words: readonly string[], options: Options = {}): string {
  // Behind `--`, an id that begins with a hyphen is not taken for an option.
  const isBehind = (_: string, index: number) => words.slice(0, index + 1).some((word) => word.startsWith('-'));
  const behind = words.filter(isBehind);
  const parts = [
    ['edgemint', ...words.slice(0, words.length - behind.length).map(shellWord)].join(' '),
    ...Object.entries(options).flatMap(([name, value]) => {
      if (value === undefined || value === null || value === false) return [];
      if (value === true) return [`--${name}`];
      return [value].flat().map((each) => option(name, String(each)));
    }),
    ...(behind.length > 0 ? [['--', ...behind.map(shellWord)].join(' ')] : []),
  ];
  const line = parts.join(' ');
  return line.length <= LINE_LENGTH ? line : parts.join(' \\\n  ');
}

// Commander takes a separate value that begins with a hyphen for another option.
function option(name: string, value: string): string {
  return `--${name}${/^-./.test(value) ? '=' : ' '}${shellWord(value)}`;
}

/** The options that are not named like the field, or the member of a field, that they set. */
const NAMES: Readonly<Record<string, string>> = {
  organization_id: 'organization',
  client_name: 'name',
  url: 'endpoint',
  events: 'event',
  scopes: 'scope',
  grants: 'grant',
  roles: 'role',
  token_endpoint_auth_method: 'auth-method',
  additional_auth_methods: 'additional-auth-method',
  federated_identities: 'federated-identity',
  tls_client_auth_subject_dn: 'tls-subject-dn',
  tls_client_auth_san_dns: 'tls-san-dns',
  tls_client_auth_san_uri: 'tls-san-uri',
  tls_client_auth_san_ip: 'tls-san-ip',
  tls_client_auth_san_email: 'tls-san-email',
  dpop_bound_access_tokens: 'dpop-bound',
  dpop_nonce_required: 'dpop-nonce',
  tls_client_certificate_bound_access_tokens: 'certificate-bound',
  accepted_claims: 'accepted-claim',
  requestable_claims: 'requestable-claim',
  'quota.tokens_per_day': 'quota-day',
  'quota.tokens_per_month': 'quota-month',
  'quota.action': 'quota-action',
  'unused_clients.report_after_days': 'report-unused-after',
  'unused_clients.disable_after_days': 'disable-unused-after',
  'unused_clients.except': 'except-unused',
};

/** Returns the option that sets a field, without the dashes. @param field its name, with that of a member after a dot */
export function optionOf(field: string): string {
  return NAMES[field] ?? field.replaceAll('_', '-');
}

/**
 * Writes the `edgemint` command that sends the fields of a form. Those that no option can say are given to it as JSON.
 * @param words those of a `create` or an `update`
 * @param more further options
 */
export function fieldsCommand(words: readonly string[], fields: object, more: Options = {}): string {
  const options: Record<string, OptionValue> = {};
  const rest: Record<string, unknown> = {};
  const resets: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    // Without events a webhook gets all of them.
    const isDefault = value === null || (isEmpty(value) && name !== 'events');
    if (words[1] === 'create' && (isDefault || value === '')) continue;
    if (isDefault) resets.push(name.replaceAll('_', '-'));
    else if (name === 'quota' || name === 'unused_clients') {
      for (const [member, part] of Object.entries(value)) {
        const argument = name === 'quota' && part === null ? 'none' : argumentOf(member, part);
        if (argument !== undefined) options[optionOf(`${name}.${member}`)] = argument;
        else rest[name] = { ...Object(rest[name]), [member]: part };
      }
    } else {
      const argument = argumentOf(name, value);
      if (argument === undefined) rest[name] = value;
      else options[`${argument === false ? 'no-' : ''}${optionOf(name)}`] = argument === false ? true : argument;
    }
  }
  const isComplete = Object.keys(rest).length === 0;
  const command = commandFor(words, { ...options, reset: resets, ...(!isComplete && { from: '-' }), ...more });
  return isComplete ? command : `printf '%s' ${shellWord(JSON.stringify(rest))} |\n  ${command}`;
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** Returns the value of an option. @returns undefined if the option cannot say it */
function argumentOf(field: string, value: unknown): string | boolean | string[] | undefined {
  if (Array.isArray(value)) {
    const all = value.map((each) => argumentOf(field, each));
    return all.length > 0 && all.every((each) => typeof each === 'string') ? all : undefined;
  }
  if (typeof value === 'boolean') return value;
  if (value === null || field === 'jwks') return undefined;
  if (typeof value !== 'object') return String(value);
  const {
    resource_server,
    scopes = [],
    name,
    description,
    per_minute,
    burst,
  } = value as Readonly<Record<string, string>>;
  const entries = Object.entries(value);
  switch (field) {
    case 'grants':
      return [resource_server, ...scopes].join(' ');
    case 'scopes':
      return /^\S+$/.test(name ?? '') ? [name, description].join(' ').trim() : undefined;
    case 'rate_limit':
      return per_minute && burst ? `${per_minute}/${burst}` : undefined;
    case 'metadata':
      return entries.every(([note, text]) => /^[^=]+$/.test(note) && typeof text === 'string')
        ? entries.map((each) => each.join('='))
        : undefined;
    default:
      return JSON.stringify(value);
  }
}
