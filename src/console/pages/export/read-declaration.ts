import { SECTIONS, type Section } from '../../../declaration/fields.ts';
import { writeDeclaration } from '../../../declaration/write.ts';
import { call } from '../../api/call.ts';

const PAGE = 100;

const PATHS: Readonly<Record<Section, string>> = {
  resource_servers: '/v1/resource-servers',
  roles: '/v1/roles',
  clients: '/v1/clients',
  webhooks: '/v1/webhooks',
};

export interface Exported {
  readonly text: string;
  /** How many items each section has. Sections that were not read are absent. */
  readonly counts: Readonly<Partial<Record<Section, number>>>;
}

interface Item {
  readonly organization_id: string | null;
}

/**
 * Reads what an organization owns and writes it as the file of `edgemint apply`.
 * @param withWebhooks whether the session may read them. Without them the file has no such section, and applying it leaves them alone
 * @param onProgress is told how many items were read so far
 * @throws ApiError
 */
export async function readDeclaration(
  organizationId: string,
  withWebhooks: boolean,
  onProgress: (count: number) => void,
  signal: AbortSignal,
): Promise<Exported> {
  let read = 0;
  const sections: Partial<Record<Section, readonly Item[]>> = {};
  for (const section of SECTIONS) {
    if (section === 'webhooks' && !withWebhooks) continue;
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const query = { organization_id: organizationId, limit: PAGE, cursor };
      const { body } = await call<{ data: Item[]; next_cursor: string | null }>({
        method: 'get',
        path: PATHS[section],
        params: { query },
        signal,
      });
      // Lists have the shared items too, which a file may only refer to.
      items.push(...body.data.filter((item) => item.organization_id === organizationId));
      read += body.data.length;
      onProgress(read);
      cursor = body.next_cursor ?? undefined;
    } while (cursor !== undefined);
    sections[section] = items;
  }
  const counts = Object.fromEntries(Object.entries(sections).map(([section, items]) => [section, items.length]));
  return { text: writeDeclaration(sections), counts };
}
