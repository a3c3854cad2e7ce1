import { ACCESS_TOKEN_TTL_DEFAULT } from '../../../constants.ts';
import { withoutDefaults } from '../../../declaration/item.ts';
import type { Api } from '../api.ts';
import { duration } from '../durations.ts';
import { time } from '../output.ts';
import type { Client, Page, ResourceServer } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import { itemPath } from './crud.ts';

interface Credential {
  readonly kind: string;
  readonly id: string;
  readonly name: string | null;
  readonly last_used_at: string | null;
}

interface Source {
  readonly type: string;
  /** The role's. */
  readonly name?: string;
}

interface EffectiveScopes {
  readonly resource_server: string;
  readonly sources: readonly Source[];
  readonly scopes: readonly { readonly name: string; readonly sources: readonly Source[] }[];
}

/** Returns the rows of a client for people: what is special of it, and with which lifetime and rate it works. */
export function clientRows(client: Client): Record<string, unknown> {
  const { rate_limit, token_endpoint_auth_method, additional_auth_methods, grants: _, ...others } = client;
  const rest = withoutDefaults('clients', { ...others });
  const { access_token_ttl, client_id, client_name, status, created_at, updated_at, last_used_at, ...fields } =
    rest as Record<string, unknown>;
  return {
    client_id,
    client_name,
    status: client.status,
    authentication: [token_endpoint_auth_method, ...additional_auth_methods],
    ...fields,
    rate_limit: `${rate_limit.per_minute} tokens a minute, ${rate_limit.burst} at once`,
    ...(access_token_ttl !== undefined && { access_token_ttl }),
    created_at,
    updated_at,
    last_used_at: last_used_at ?? 'never',
  };
}

/**
 * Returns the rows that commands add to a client for people: the last use of each credential, what grants each scope, and how long tokens
 * live. Rows that the API key may not read, or an older server does not have, are left out.
 */
export async function clientDetails(api: Api, client: Client): Promise<Record<string, unknown>> {
  const path = itemPath('clients', client.client_id);
  const rows = async <Item>(name: string, rowOf: (item: Item) => object) => {
    const list = await readIfAllowed<Item>(api, `${path}/${name}`);
    return list === undefined ? {} : { [name.replaceAll('-', '_')]: list === 'failed' ? FAILED : list.map(rowOf) };
  };
  const [credentials, scopes, servers] = await Promise.all([
    rows('credentials', credentialRow),
    readIfAllowed<EffectiveScopes>(api, `${path}/effective-scopes`),
    client.access_token_ttl === null ? listServers(api, client) : undefined,
  ]);
  return {
    ...credentials,
    ...(scopes && { effective_scopes: scopes === 'failed' ? FAILED : scopes.map(scopesRow) }),
    ...(Array.isArray(scopes) && client.access_token_ttl === null && { access_token_ttl: lifetimes(scopes, servers) }),
  };
}

const FAILED = '(not available)';

/** @returns undefined if there is no such list, or the API key may not read it; `failed` without an answer of the client's gate */
async function readIfAllowed<Item>(api: Api, path: string): Promise<readonly Item[] | 'failed' | undefined> {
  try {
    return (await api.get<Page<Item>>(path)).body.data;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return error.status === 404 || error.status === 403 ? undefined : 'failed';
  }
}

async function listServers(api: Api, { organization_id }: Client): Promise<readonly ResourceServer[] | undefined> {
  try {
    return await api.all<ResourceServer>('resource-servers', { organization_id });
  } catch (error) {
    if (error instanceof RequestError) return undefined;
    throw error;
  }
}

/** Describes how long the tokens of a client live that has no lifetime of its own. */
function lifetimes(scopes: readonly EffectiveScopes[], servers: readonly ResourceServer[] | undefined): string[] {
  const byDefault = `${duration(ACCESS_TOKEN_TTL_DEFAULT)} (the default)`;
  if (scopes.length === 0) return [byDefault];
  if (!servers) return [`that of the resource server, else ${byDefault}`];
  const ttls = scopes.map(({ resource_server }) => {
    const ttl = servers.find(({ identifier }) => identifier === resource_server)?.access_token_ttl ?? null;
    return { resource_server, text: ttl === null ? byDefault : `${duration(ttl)} (of the resource server)` };
  });
  const texts = new Set(ttls.map(({ text }) => text));
  return texts.size === 1 ? [...texts] : ttls.map(({ resource_server, text }) => `${resource_server}: ${text}`);
}

function credentialRow({ kind, id, name, last_used_at }: Credential) {
  const use = last_used_at === null ? 'no use known' : `last used ${time(last_used_at)}`;
  return { name: `${kind.replaceAll('_', ' ')} ${name ?? id}`, description: use };
}

function scopesRow({ resource_server, sources, scopes }: EffectiveScopes) {
  const from = (some: readonly Source[]) =>
    some.map(({ type, name }) => (name === undefined ? type : `${type} ${name}`)).join(', ');
  const shown = scopes.map((scope) => `${scope.name} (${from(scope.sources)})`);
  return { resource_server, scopes: shown.length > 0 ? shown : [`no scope (${from(sources)})`] };
}
