import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Failure } from '../../failure.ts';
import { readRemote } from '../declaration/remote.ts';
import { writeDeclaration } from '../declaration/write.ts';
import { Session } from '../session.ts';

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write the file that `edgemint apply` takes from what stands; no secret is in it')
    .option('-f, --file <file>', 'where to; else to stdout')
    .option('--shared', 'with the root key: what all organizations share, not what one of them has');
  command.action(async () => {
    const session = new Session(command);
    const { file, shared = false } = command.opts<{ file?: string; shared?: boolean }>();
    const { own } = await readRemote(await session.api(), shared);
    const fieldsOf = (items: readonly { fields: object }[]) => items.map(({ fields }) => fields);
    const text = writeDeclaration({
      resource_servers: fieldsOf(own.resource_servers),
      roles: fieldsOf(own.roles),
      clients: fieldsOf(own.clients),
    });
    if (file === undefined) return session.terminal.print(text);
    const before = await readFile(file, 'utf8').catch(() => undefined);
    if (before !== undefined && before !== text) await session.confirm(`${file} is another one: write over it?`);
    try {
      await writeFile(file, text);
    } catch (error) {
      throw new Failure(`${file} could not be written: ${error instanceof Error ? error.message : error}`);
    }
    session.done(`Wrote ${file}.`);
  });
}
