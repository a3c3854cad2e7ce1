import type { Command } from 'commander';
import { seconds } from '../parse.ts';
import { Session } from '../session.ts';
import { addList, itemPath, NAME_OR_ID } from './crud.ts';

interface Secret {
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
  addList(group, 'list the secrets of a client', COLUMNS, async (_, [named = ''], session) => ({
    path: secretsOf(await session.find('client', named)),
    isOwned: false,
  })).argument('<client>', NAME_OR_ID);
  addRotate(group);
  addPromote(group);
  addDelete(group);
}

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
    .argument('<secret_id>');
  command.action(async (named: string, secret: string) => {
    const session = new Session(command);
    const id = await session.find('client', named);
    session.show((await (await session.api()).post(`${itemPath(secretsOf(id), secret)}/promote`, {})).body);
  });
}

function addDelete(group: Command): void {
  const command = group
    .command('delete')
    .description('delete the secondary secret, to finish a rotation')
    .argument('<client>', NAME_OR_ID)
    .argument('<secret_id>');
  command.action(async (named: string, secret: string) => {
    const session = new Session(command);
    const id = await session.find('client', named);
    await session.confirm(
      `Delete the secret ${secret} of the client ${id}? Programs that still use it are refused afterwards.`,
    );
    await (await session.api()).delete(itemPath(secretsOf(id), secret));
    session.done(`Deleted the secret ${secret}.`);
  });
}

function secretsOf(clientId: string): string {
  return `${itemPath('clients', clientId)}/secrets`;
}
