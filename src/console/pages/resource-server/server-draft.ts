import type { Scope, ShownServer } from '../grants/shown.ts';

/** The fields of a resource server as they are typed. */
export interface ServerDraft {
  readonly identifier: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly access_token_ttl: number | null;
  readonly signing_alg: ShownServer['signing_alg'];
  readonly access_token_typ: ShownServer['access_token_typ'];
  readonly introspection: ShownServer['introspection'];
  readonly scope_policy: ShownServer['scope_policy'];
  readonly accepted_claims: readonly string[];
}

export const EMPTY_SERVER: ServerDraft = {
  identifier: '',
  name: '',
  scopes: [{ name: '', description: '' }],
  access_token_ttl: null,
  signing_alg: 'ES256',
  access_token_typ: 'at+jwt',
  introspection: 'strong',
  scope_policy: 'exact',
  accepted_claims: [],
};

type Fields = Omit<ServerDraft, 'identifier'>;

/** Returns the fields as the API takes them. Rows of scopes that are empty are left out. */
export function fieldsOf({ identifier: _, scopes, name, ...rest }: ServerDraft): Fields {
  return {
    ...rest,
    name: name.trim(),
    scopes: scopes
      .map((scope) => ({ name: scope.name.trim(), description: scope.description.trim() }))
      .filter((scope) => scope.name !== '' || scope.description !== ''),
  };
}

/** Returns the body that creates a resource server; fields with their default are left out. @param organizationId null to share it */
export function newServerBody(draft: ServerDraft, organizationId: string | null) {
  const { name, scopes, ...rest } = fieldsOf(draft);
  const defaults = fieldsOf(EMPTY_SERVER);
  return {
    ...(organizationId !== null && { organization_id: organizationId }),
    identifier: draft.identifier.trim(),
    name,
    scopes,
    ...changedFields(defaults, { ...defaults, ...rest }),
  };
}

/** Returns the fields that differ, for a merge patch. The order of scopes means nothing. */
export function changedFields<T extends object>(before: T, after: T): Partial<T> {
  const entries = Object.entries(after).filter(([name, value]) => {
    const old: unknown = (before as Record<string, unknown>)[name];
    return JSON.stringify(sorted(old)) !== JSON.stringify(sorted(value));
  });
  return Object.fromEntries(entries) as Partial<T>;
}

function sorted(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item) => JSON.stringify(item)).sort();
}
