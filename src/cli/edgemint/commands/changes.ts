import type { Command } from 'commander';
import { Session } from '../session.ts';
import { one } from './crud.ts';

export function addChanges(program: Command): void {
  const group = program.command('changes').description('changes that go on after their answer');
  const get = group.command('get').description('show how far a change is').argument('<id>');
  get.action(async (id: string) => {
    const session = new Session(get);
    session.show((await (await session.api()).get(one('changes', id))).body);
  });
}
