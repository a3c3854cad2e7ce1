import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { type CopyProgress, copyLines, IncompleteCopyError } from '../../../lib/copy-lines.ts';
import { ATTEMPTS, DEFAULT_RETRY_AFTER, SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { describeSystemError } from '../../system-error.ts';
import type { Api } from '../api.ts';
import { StreamBroken } from '../lines.ts';
import { line as printable } from '../printable.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { addFilters, filtersOf } from './audit-filters.ts';

type Write = (line: string) => Promise<void>;

/** Adds `export`. */
export function addAuditExport(group: Command): void {
  const command = group
    .command('export')
    .description('write all audit events of a range as JSON lines, oldest first; it fails unless all were written')
    .option('-o, --output <file>', 'the file to write, readable by you alone; stdout by default');
  addFilters(command).action(async () => {
    const session = new Session(command);
    const api = await session.api();
    const query = { ...(await filtersOf(command, session)), organization_id: api.organization };
    const { output } = command.opts<{ output?: string }>();
    const copy = (write: Write) => copyEvents(api, query, write, session.terminal);
    const count = output === undefined ? await copy(toStdout(session.terminal)) : await toFile(output, copy);
    session.terminal.note(`${count} events${output === undefined ? '' : ` in ${output}`}. The export is complete.`);
  });
}

/**
 * Copies the events of a range, line by line. A stream that breaks is continued after the last event.
 * @returns how many events there were
 * @throws Failure if it breaks again and again: not all events were copied
 */
async function copyEvents(
  api: Api,
  query: Readonly<Record<string, string | undefined>>,
  write: Write,
  terminal: Terminal,
): Promise<number> {
  try {
    return await copyLines({
      open: (start) => api.lines('audit-events', { ...query, ...start }),
      write,
      breakOf: (error) => (error instanceof StreamBroken ? error.message : undefined),
      attempts: ATTEMPTS,
      pause: async (progress) => {
        terminal.note(`The stream broke ${placeOf(progress)}. Continuing …`);
        await terminal.io.sleep(DEFAULT_RETRY_AFTER * 1000);
      },
    });
  } catch (error) {
    if (!(error instanceof IncompleteCopyError)) throw error;
    const { last } = error.progress;
    const advice = last ? ` To continue, export again with --from ${last.at}.` : '';
    throw new Failure(
      `The export is incomplete: the stream broke ${placeOf(error.progress)}: ${error.message}.${advice}`,
    );
  }
}

function placeOf({ count, last }: CopyProgress): string {
  return last ? `after ${count} events, the last one of ${last.at} (${printable(last.id)})` : 'before the first event';
}

function toStdout({ io: { stdout } }: Terminal): Write {
  return async (text) => {
    if (!stdout.write(`${stdout.isTTY ? printable(text) : text}\n`)) await once(stdout, 'drain');
  };
}

/** Writes a draft, and renames it once it is complete, so that a file of this name is always a complete export. */
async function toFile(file: string, copy: (write: Write) => Promise<number>): Promise<number> {
  const draft = `${file}.${process.pid}`;
  try {
    const handle = await open(draft, 'wx', SECRET_FILE_MODE);
    let count: number;
    try {
      count = await copy(async (text) => void (await handle.write(`${text}\n`)));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
    return count;
  } catch (error) {
    await rm(draft, { force: true });
    if (error instanceof Failure) throw error;
    throw new Failure(describeSystemError(error, file) ?? `${file} could not be written.`);
  }
}
