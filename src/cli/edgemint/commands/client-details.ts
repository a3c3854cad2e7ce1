import type { Api } from '../api.ts';
import { time } from '../output.ts';
import type { Page } from '../representations.ts';
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

/** Returns the rows that `clients get` adds for people: the last use of each credential, and what grants each scope. */
export async function clientDetails(api: Api, clientId: string): Promise<Record<string, unknown>> {
  const rows = async <Item>(name: string, rowOf: (item: Item) => object) => {
    try {
      const { body } = await api.get<Page<Item>>(`${itemPath('clients', clientId)}/${name}`);
      return { [name.replaceAll('-', '_')]: body.data.map(rowOf) };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // An older server has no such list. Without an answer of the client's gate, its other fields are still shown.
      return error.status === 404 ? {} : { [name.replaceAll('-', '_')]: '(not available)' };
    }
  };
  const [credentials, scopes] = await Promise.all([
    rows('credentials', credentialRow),
    rows('effective-scopes', scopesRow),
  ]);
  return { ...credentials, ...scopes };
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
