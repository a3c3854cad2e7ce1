/** The filters of the audit log, as the address has them. */
export interface AuditFilters {
  readonly actor?: string;
  readonly action?: string;
  readonly target?: string;
  readonly request_id?: string;
  readonly from?: string;
  readonly to?: string;
}

export const FILTER_NAMES = ['actor', 'action', 'target', 'request_id', 'from', 'to'] as const;

/** Reads the filters of an address. Times that are none are left out. */
export function readFilters(search: string): AuditFilters {
  const parameters = new URLSearchParams(search);
  const entries = FILTER_NAMES.flatMap((name) => {
    const value = parameters.get(name)?.trim();
    if (!value || ((name === 'from' || name === 'to') && Number.isNaN(Date.parse(value)))) return [];
    return [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

/** Writes filters as the query of an address, with its `?`. Empty if there are none. */
export function writeFilters(filters: AuditFilters): string {
  const entries = FILTER_NAMES.flatMap((name) => {
    const value = filters[name]?.trim();
    return value ? [[name, value]] : [];
  });
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
}

/** Returns the options of `edgemint audit list` and `export` for filters. */
export function filterOptions({ request_id, ...filters }: AuditFilters): Readonly<Record<string, string | undefined>> {
  return { ...filters, request: request_id };
}

/** Writes the query of a call, with its `?`. */
export function writeQuery(query: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
}
