import type { Api } from './api.ts';
import { line } from './printable.ts';
import type { Me, Organization } from './representations.ts';
import { RequestError } from './request-error.ts';

/**
 * Describes where a command works, for questions: the server and the organization.
 * @param organization the id of the organization, if it is not that of the connection
 */
export async function describePlace(api: Api, organization = api.organization): Promise<string> {
  const owner = await ownerOf(api, organization);
  return line(`Server ${api.url}, ${owner ?? 'with the root key'}`);
}

async function ownerOf(api: Api, organization: string | undefined): Promise<string | undefined> {
  try {
    const me = (await api.get<Me>('me')).body;
    const own = me.organization ?? undefined;
    if (own && (organization === undefined || own.id === organization)) return described(own);
    if (organization === undefined) return undefined;
    return described((await api.get<Organization>(`organizations/${encodeURIComponent(organization)}`)).body);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    // The command itself will say what is wrong with the key or the organization.
    return organization && `organization ${organization}`;
  }
}

function described({ id, name }: Organization): string {
  return `organization ${name} (${id})`;
}
