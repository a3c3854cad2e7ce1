import type { Command } from 'commander';
import { Failure } from '../../failure.ts';
import type { Api } from '../api.ts';
import { UsageError } from '../failures.ts';
import { futureTime, seconds } from '../parse.ts';
import { line, shorten } from '../printable.ts';
import { Session } from '../session.ts';
import { addList, itemPath, NAME_OR_ID } from './crud.ts';

interface Secret {
  /** Only in the list of all clients. */
  readonly client_name?: string;
  readonly id: string;
  readonly rank: string;
  readonly hint: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly safe_to_delete: boolean;
  readonly reason: string;
}

export function addSecrets(program: Command): void {
  const group = program
    .command('secrets')
    .description('secrets of a client: at most two, so that a rotation interrupts nothing');
  addList(
    group,
    'list the secrets of a client, or of all clients of the organization: then at most 50 on a page',
    (secrets: readonly Secret[]) => (secrets[0]?.client_name === undefined ? COLUMNS : { client: nameOf, ...COLUMNS }),
    async (command, [named], session) => {
      const { expiresBefore: expires_before, safeToDelete } = command.opts<Record<string, string | boolean>>();
      const query = {
        expires_before: expires_before as string | undefined,
        safe_to_delete: safeToDelete ? 'true' : undefined,
      };
      if (named === undefined) return { path: 'secrets', isOwned: true, query };
      if (expires_before !== undefined || safeToDelete)
        throw new UsageError('--expires-before and --safe-to-delete are for all clients. Name no client.');
      return { path: secretsOf(await session.find('client', named)), isOwned: false };
    },
  )
    .argument('[client]', `${NAME_OR_ID}; without it, all clients of the organization`)
    .option(
      '--expires-before <time>',
      'only secrets that are accepted and end before a time (RFC 3339), a day, or the end of a duration such as 30d',
      futureTime,
    )
    .option('--safe-to-delete', 'only secondary secrets that are safe to delete');
  addRotate(group);
  addPromote(group);
  addDelete(group);
}

/** Describes the argument that identifies a secret, which has no name. */
const ID_OR_HINT = 'its id, or the last characters that `secrets list` shows as its hint';

const nameOf = ({ client_name }: Secret) => client_name;

const COLUMNS = {
  id: ({ id }: Secret) => id,
  rank: ({ rank }: Secret) => rank,
  hint: ({ hint }: Secret) => `…${hint}`,
  created_at: ({ created_at }: Secret) => created_at,
  expires_at: ({ expires_at }: Secret) => expires_at,
  last_used_at: ({ last_used_at }: Secret) => last_used_at,
  'safe to delete': ({ safe_to_delete, reason }: Secret) => `${safe_to_delete ? 'yes' : 'no'}: ${reason}`,
};

function addRotate(group: Command): void {
  const command = group
    .command('rotate')
    .description(
      'create a new primary secret; the old one becomes secondary and works until it is deleted, or until --grace ends',
    )
    .argument('<client>', NAME_OR_ID)
    .option('--grace <duration>', 'the old secret expires after this time, such as 1h', seconds)
    .option('--replace-secondary', 'delete an existing secondary secret');
  command.action(async (named: string) => {
    const session = new Session(command);
    const id = await session.find('client', named);
    const { grace, replaceSecondary } = command.opts<{ grace?: number; replaceSecondary?: boolean }>();
    const body = { grace_seconds: grace, replace_secondary: replaceSecondary };
    session.show((await (await session.api()).post(`${secretsOf(id)}/rotate`, body)).body);
    session.terminal.note('Store the client_secret now. It is not shown again.');
  });
}

function addPromote(group: Command): void {
  const command = group
    .command('promote')
    .description('make the secondary secret primary again, to undo a rotation')
    .argument('<client>', NAME_OR_ID)
    .argument('<secret>', ID_OR_HINT);
  command.action(async (named: string, text: string) => {
    const session = new Session(command);
    const id = await session.find('client', named);
    const secret = await findSecret(await session.api(), id, text);
    session.show((await (await session.api()).post(`${itemPath(secretsOf(id), secret)}/promote`, {})).body);
  });
}

function addDelete(group: Command): void {
  const command = group
    .command('delete')
    .description('delete the secondary secret, to finish a rotation')
    .argument('<client>', NAME_OR_ID)
    .argument('<secret>', ID_OR_HINT);
  command.action(async (named: string, text: string) => {
    const session = new Session(command);
    const id = await session.find('client', named);
    const secret = await findSecret(await session.api(), id, text);
    const client = named === id ? id : `${named} (${id})`;
    await session.confirm(
      `Delete the secret ${secret} of the client ${client}? Programs that still use it are refused afterwards.`,
    );
    await (await session.api()).delete(itemPath(secretsOf(id), secret));
    session.done(`Deleted the secret ${secret}.`);
  });
}

/**
 * Returns the id of a secret that the user named by its id, or by the hint that `secrets list` shows.
 * @throws Failure if no secret of the client has the hint, or both have it
 */
async function findSecret(api: Api, clientId: string, text: string): Promise<string> {
  if (text.startsWith('sec_')) return text;
  const secrets = await api.all<Secret>(secretsOf(clientId));
  const found = secrets.filter(({ hint }) => hint === text.replace(/^…/, ''));
  if (found.length === 1 && found[0]) return found[0].id;
  const listed = secrets.map(({ id, rank, hint }) => `  ${line(`${rank} …${hint} (${id})`)}`).join('\n');
  const problem =
    found.length > 1
      ? `Both secrets end with \`${shorten(text)}\`. Use an id:`
      : `The client has no secret with the id or hint \`${shorten(text)}\`. It has:`;
  throw new Failure(`${problem}\n${listed || '  none'}`);
}

function secretsOf(clientId: string): string {
  return `${itemPath('clients', clientId)}/secrets`;
}
