import { commandFor, optionOf } from '../../api/command.ts';

const DURATION = /^\d{1,4}d$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** The parameters of the page's address that filter and order the list. They have the names of the API's query. */
export const FILTER_NAMES = [
  'name',
  'status',
  'auth_method',
  'owner',
  'unused_since',
  'expires_before',
  'role',
  'resource_server',
  'reserved_claims',
  'sort',
] as const;
export type FilterName = (typeof FILTER_NAMES)[number];

/** What the list shows. A time is RFC 3339, a day, or a number of days from now such as `90d`, so that a link keeps its meaning. */
export type Filters = Readonly<Partial<Record<FilterName, string>>>;

export const METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'federated_jwt',
] as const;
export const SORTS = ['name', '-name', 'created_at', '-created_at', 'last_used_at', '-last_used_at'] as const;

/** The values of the filters that permit only some. Others in an address are left out, because the API would refuse all of the list. */
const CHOICES: Readonly<Partial<Record<FilterName, readonly string[]>>> = {
  status: ['active', 'disabled'],
  auth_method: METHODS,
  reserved_claims: ['true'],
  sort: SORTS,
};

/** Reads the filters of an address' query. */
export function readFilters(search: string): Filters {
  const parameters = new URLSearchParams(search);
  const entries = FILTER_NAMES.flatMap((name) => {
    const value = parameters.get(name)?.trim() ?? '';
    return value !== '' && isPermitted(name, value) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

function isPermitted(name: FilterName, value: string): boolean {
  const isTime = name === 'unused_since' || name === 'expires_before';
  if (isTime) return DURATION.test(value) || !Number.isNaN(Date.parse(value));
  return CHOICES[name]?.includes(value) ?? true;
}

/** Writes filters as the query of an address, always in the same order. Empty if there are none. */
export function writeFilters(filters: Filters): string {
  const parameters = new URLSearchParams();
  for (const name of FILTER_NAMES) {
    const value = filters[name];
    if (value) parameters.set(name, value);
  }
  return parameters.toString();
}

/** Returns the filters with one changed. @param value empty to remove it */
export function withFilter(filters: Filters, name: FilterName, value: string): Filters {
  const { [name]: _, ...rest } = filters;
  return value === '' ? rest : { ...rest, [name]: value };
}

/** Whether anything but the order is chosen, so that an empty list does not mean that there are no clients. */
export function isFiltered({ sort: _, ...filters }: Filters): boolean {
  return Object.keys(filters).length > 0;
}

/**
 * Returns the filters as the API takes them: times from now become times. They are rounded to the hour, which is as exact as last uses are,
 * so that the same list has the same query for a while.
 * @param now milliseconds since the epoch
 */
export function toQuery({ unused_since, expires_before, ...filters }: Filters, now: number): Filters {
  return {
    ...filters,
    ...(unused_since && { unused_since: timeOf(unused_since, now, -1) }),
    ...(expires_before && { expires_before: timeOf(expires_before, now, 1) }),
  };
}

function timeOf(value: string, now: number, direction: 1 | -1): string {
  if (DURATION.test(value)) {
    const hour = (direction < 0 ? Math.floor : Math.ceil)(now / HOUR_MS) * HOUR_MS;
    return new Date(hour + direction * Number.parseInt(value, 10) * DAY_MS).toISOString();
  }
  return new Date(DAY.test(value) ? `${value}T00:00:00Z` : value).toISOString();
}

/** Returns the command that prints the same list. */
export function listCommand({ reserved_claims, ...filters }: Filters, organization: string): string {
  // This command has no filters of its own.
  if (reserved_claims) return commandFor(['clients', 'reserved-claims'], { organization });
  const options = Object.entries(filters).map(([name, value]) => [optionOf(name), value || undefined]);
  return commandFor(['clients', 'list'], { ...Object.fromEntries(options), organization });
}
