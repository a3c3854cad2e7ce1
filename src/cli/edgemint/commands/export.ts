import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Failure } from '../../failure.ts';
import { readRemote } from '../declaration/remote.ts';
import { writeDeclaration } from '../declaration/write.ts';
import { Session } from '../session.ts';

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write the current state as a file for `edgemint apply`, without secrets')
    .option('-f, --file <file>', 'the file to write; stdout by default')
    .option('--shared', 'export the items that all organizations share (root key only)');
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
    const previous = await readFile(file, 'utf8').catch(() => undefined);
    if (previous !== undefined && previous !== text) await session.confirm(`${file} has other content. Overwrite it?`);
    try {
      await writeFile(file, text);
    } catch (error) {
      throw new Failure(`${file} could not be written: ${error instanceof Error ? error.message : error}`);
    }
    session.done(`Wrote ${file}.`);
  });
}
