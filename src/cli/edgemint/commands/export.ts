import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { writeDeclaration } from '../../../declaration/write.ts';
import { Failure } from '../../failure.ts';
import type { Api } from '../api.ts';
import { type RemoteState, readRemote } from '../declaration/remote.ts';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';

/** Reads the current state, without the webhooks if the API key may not read them, or if the server is older and has none. */
async function readExported(api: Api, shared: boolean): Promise<RemoteState & { isWithoutWebhooks: boolean }> {
  try {
    return { ...(await readRemote(api, shared, true)), isWithoutWebhooks: false };
  } catch (error) {
    if (!(error instanceof RequestError) || (error.status !== 403 && error.status !== 404)) throw error;
    return { ...(await readRemote(api, shared, false)), isWithoutWebhooks: true };
  }
}

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write the current state as a file for `edgemint apply`, without secrets')
    .option('-f, --file <file>', 'the file to write; stdout by default')
    .option(
      '--shared',
      'export the items that all organizations share, and the webhooks of the instance (root key only)',
    );
  command.action(async () => {
    const session = new Session(command);
    const { file, shared = false } = command.opts<{ file?: string; shared?: boolean }>();
    const { own, isWithoutWebhooks } = await readExported(await session.api(), shared);
    if (isWithoutWebhooks) session.terminal.note('Without webhooks: reading them requires the scope webhooks:read.');
    const fieldsOf = (items: readonly { fields: object }[]) => items.map(({ fields }) => fields);
    const text = writeDeclaration({
      resource_servers: fieldsOf(own.resource_servers),
      roles: fieldsOf(own.roles),
      clients: own.clients.map(({ id, fields }) => ({ ...fields, client_id: id })),
      ...(!isWithoutWebhooks && { webhooks: fieldsOf(own.webhooks) }),
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
