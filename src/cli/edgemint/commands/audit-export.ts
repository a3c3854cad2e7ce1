import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { ATTEMPTS, DEFAULT_RETRY_AFTER, SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { describeSystemError } from '../../system-error.ts';
import type { Api } from '../api.ts';
import { StreamBroken } from '../lines.ts';
import { line as printable } from '../printable.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { addFilters, filtersOf } from './audit-filters.ts';

/** The order of events in a stream. */
interface Position {
  readonly at: string;
  readonly id: string;
}

/** The last line of a stream. */
interface End {
  readonly complete: boolean;
  readonly count: number;
  readonly next_cursor: string | null;
}

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
    const query = { ...filtersOf(command), organization_id: api.organization };
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
  let last: Position | undefined;
  let [count, failures] = [0, 0];
  let cursor: string | undefined;
  for (;;) {
    let [copied, end]: [number, End | undefined] = [0, undefined];
    let reason = 'it has no last line';
    try {
      const from = cursor === undefined ? (last?.at ?? query.from) : query.from;
      for await (const line of api.lines('audit-events', { ...query, from, cursor })) {
        const item: Position | End = JSON.parse(line);
        if ('complete' in item) {
          end = item;
          break;
        }
        // After a break, the events of the same moment come again.
        if (last && !isAfter(item, last)) continue;
        await write(line);
        last = { at: item.at, id: item.id };
        copied += 1;
      }
    } catch (error) {
      if (!(error instanceof StreamBroken)) throw error;
      reason = error.message;
    }
    count += copied;
    if (end?.complete) return count;
    cursor = end?.next_cursor ?? undefined;
    if (end) continue;
    failures = copied > 0 ? 1 : failures + 1;
    const where = last
      ? `after ${count} events, the last one of ${last.at} (${printable(last.id)})`
      : 'before the first event';
    if (failures >= ATTEMPTS) {
      const advice = last ? ` To continue, export again with --from ${last.at}.` : '';
      throw new Failure(`The export is incomplete: the stream broke ${where}: ${reason}.${advice}`);
    }
    terminal.note(`The stream broke ${where}. Continuing …`);
    await terminal.io.sleep(DEFAULT_RETRY_AFTER * 1000);
  }
}

function isAfter(one: Position, other: Position): boolean {
  return one.at > other.at || (one.at === other.at && one.id > other.id);
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
