import type { Command } from 'commander';
import { Session } from '../session.ts';
import { itemPath } from './crud.ts';

export function addChanges(program: Command): void {
  const group = program.command('changes').description('changes that are still propagating after their answer');
  const get = group.command('get').description('show the progress of a change').argument('<id>');
  get.action(async (id: string) => {
    const session = new Session(get);
    session.show((await (await session.api()).get(itemPath('changes', id))).body);
  });
}
