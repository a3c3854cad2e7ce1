import type { Command } from 'commander';
import { DEPENDENTS_PRINTED } from '../../constants.ts';
import type { Api } from '../api.ts';
import { counted } from '../counted.ts';
import { UsageError } from '../failures.ts';
import { relativeTime } from '../output.ts';
import { line, shorten } from '../printable.ts';
import type { Organization } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';
import { itemPath, NAME_OR_ID, showChanged } from './crud.ts';

/** A resource that is deleted with its organization. */
interface Part {
  readonly name?: string;
  readonly client_name?: string;
  readonly identifier?: string;
  readonly organization_id: string | null;
  readonly last_used_at?: string | null;
}

const PARTS = {
  clients: 'client',
  'api-keys': 'API key',
  'resource-servers': 'resource server',
  roles: 'role',
  webhooks: 'webhook',
} as const;

/**
 * Adds `delete` of organizations. With `--cascade` it shows first what goes with the organization, and the user must type its name or
 * give it with `--confirm`: a wrong one would end all machines of a customer, and `--yes` names none.
 */
export function addDeleteOrganization(group: Command): void {
  const command = group
    .command('delete')
    .description('delete an organization')
    .argument('<organization>', NAME_OR_ID)
    .option('--cascade', 'delete its clients, API keys, resource servers, roles and webhooks as well')
    .option('--confirm <name>', 'its name, for scripts: deletes only the organization that is called this');
  command.action(async (named: string) => {
    const session = new Session(command);
    const { cascade, confirm } = command.opts<{ cascade?: boolean; confirm?: string }>();
    const api = await session.api();
    const path = itemPath('organizations', await session.find('organization', named));
    const { body: organization, etag } = await api.get<Organization>(path);
    const { name, id } = organization;
    if (confirm !== undefined && confirm !== name) {
      throw new UsageError(
        `--confirm is \`${shorten(confirm)}\`, but the organization is called \`${shorten(name)}\`. Nothing was done.`,
      );
    }
    const question = `Delete the organization ${name} (${id})?`;
    if (cascade) {
      await showParts(session, api, organization);
      if (confirm === undefined) await session.terminal.confirmByTyping(line(question), name, '--confirm <name>');
    } else if (confirm === undefined) await session.confirm(question, id);
    const answer = await api.delete(path, { cascade, ifMatch: etag ?? undefined });
    if (answer.status === 202) return showChanged(session, answer);
    session.done(`Deleted the organization ${name} (${id}).`);
  });
}

async function showParts({ terminal }: Session, api: Api, { id, name }: Organization): Promise<void> {
  terminal.note(line(`Server ${api.url}, organization ${name} (${id})`));
  const counts: string[] = [];
  for (const [path, noun] of Object.entries(PARTS)) {
    const parts = await listParts(api, path, id);
    counts.push(parts ? counted(parts.length, noun) : `${noun}s that this key may not list`);
    for (const part of parts?.slice(0, DEPENDENTS_PRINTED) ?? []) terminal.note(`  ${line(describe(noun, part))}`);
    const rest = (parts?.length ?? 0) - DEPENDENTS_PRINTED;
    if (rest > 0) terminal.note(`  and ${rest} more ${noun}${rest === 1 ? '' : 's'}`);
  }
  terminal.note(`--cascade deletes all of it for good: ${counts.join(', ')}. All their tokens end.`);
}

/** @returns undefined if the API key may not list them, or an older server has none */
async function listParts(api: Api, path: string, organization_id: string): Promise<readonly Part[] | undefined> {
  try {
    const parts = await api.all<Part>(path, { organization_id });
    // Lists of roles and resource servers have the shared ones too, which stay.
    return parts.filter((part) => part.organization_id !== null);
  } catch (error) {
    if (error instanceof RequestError && (error.status === 403 || error.status === 404)) return undefined;
    throw error;
  }
}

function describe(noun: string, { name, client_name, identifier, last_used_at }: Part): string {
  const use = last_used_at ? `, last used ${relativeTime(last_used_at, Date.now())}` : '';
  return `${noun} ${client_name ?? identifier ?? name}${use}`;
}
