import { type Command, Option } from 'commander';
import { PAGE_LIMIT } from '../../constants.ts';
import { type Columns, time } from '../output.ts';
import { pastTime, wholeNumber } from '../parse.ts';
import { line } from '../printable.ts';
import type { Page } from '../representations.ts';
import { Session } from '../session.ts';

interface ClientUsage {
  readonly client_id: string;
  readonly client_name: string | null;
  readonly issued: number;
  readonly refused: number;
}

interface TopClient extends ClientUsage {
  readonly organization_id: string | null;
  readonly missed_at_most: number;
}

interface Interval {
  readonly start: string;
  readonly issued: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly clients?: readonly ClientUsage[];
  readonly resource_servers?: readonly { readonly resource_server: string | null; readonly issued: number }[];
}

interface Usage extends Page<Interval> {
  readonly complete_until: string;
}

interface UsageOptions {
  readonly interval: string;
  readonly by: 'outcome' | 'client' | 'resource-server';
  readonly from?: string;
  readonly to?: string;
  readonly top?: number;
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

/** Adds `usage` and `top-clients`. */
export function addUsage(program: Command): void {
  const command = program
    .command('usage')
    .description('show the token requests of all clients by hour or day, newest first')
    .addOption(
      new Option('--by <group>', 'what to list').choices(['outcome', 'client', 'resource-server']).default('outcome'),
    )
    .addOption(
      new Option('--interval <interval>', 'the length of an interval').choices(['hour', 'day']).default('hour'),
    )
    .option('--top <number>', 'clients of an interval, with --by client: 1 to 100', wholeNumber)
    .option('--limit <number>', `intervals per page, 1 to ${PAGE_LIMIT}`, wholeNumber)
    .option('--cursor <cursor>', 'show the page that starts at this cursor')
    .option('--all', 'show all pages');
  addRange(command).action(async () => {
    const session = new Session(command);
    const { by, all, ...query } = command.opts<UsageOptions>();
    const api = await session.api();
    const full = { ...query, group_by: by.replace('-', '_'), organization_id: api.organization };
    const first = (await api.get<Usage>('usage', full)).body;
    const page = { ...first, data: [...first.data] };
    while (all && page.next_cursor !== null) {
      const { data, next_cursor } = (await api.get<Usage>('usage', { ...full, cursor: page.next_cursor })).body;
      page.data.push(...data);
      page.next_cursor = next_cursor;
    }
    if (session.json) return session.terminal.printJson(page);
    showRows(session, rowsOf(by, page.data), page.complete_until);
    if (page.next_cursor !== null)
      session.terminal.note(`There are more. --all shows all, --cursor ${line(page.next_cursor)} the next page.`);
  });
  addTopClients(program);
}

function addTopClients(program: Command): void {
  const command = program
    .command('top-clients')
    .description('show the clients with the most token requests')
    .option('--limit <number>', 'how many clients, 1 to 100', wholeNumber);
  addRange(command).action(async () => {
    const session = new Session(command);
    const api = await session.api();
    const query = { ...command.opts<UsageOptions>(), organization_id: api.organization };
    const { body } = await api.get<{ data: TopClient[]; complete_until: string }>('usage/top-clients', query);
    if (session.json) return session.terminal.printJson(body);
    // Usually nothing is missed, and a column of zeros would only raise questions.
    const isExact = body.data.every(({ missed_at_most }) => missed_at_most === 0);
    const rows = body.data.map(({ missed_at_most, organization_id, ...client }) => ({
      ...(api.organization === undefined && { organization_id }),
      ...client,
      ...(!isExact && { missed_at_most }),
    }));
    showRows(session, rows, body.complete_until);
  });
}

function addRange(command: Command): Command {
  return command
    .option('--from <time>', 'a time (RFC 3339), a day, or a duration before now such as 24h', pastTime)
    .option('--to <time>', 'like --from', pastTime);
}

function rowsOf(by: UsageOptions['by'], intervals: readonly Interval[]): Record<string, unknown>[] {
  return intervals.flatMap<Record<string, unknown>>(
    ({ start, issued, refused, clients = [], resource_servers = [] }) => {
      if (by === 'client') return clients.map((client) => ({ start, ...client }));
      if (by === 'resource-server') {
        return resource_servers.map(({ resource_server, issued }) => ({
          start,
          resource_server: resource_server ?? '(others)',
          issued,
        }));
      }
      return [{ start, issued, refused: Object.entries(refused).map(([reason, count]) => `${reason} ${count}`) }];
    },
  );
}

function showRows(session: Session, rows: readonly Record<string, unknown>[], completeUntil: string): void {
  if (rows.length === 0) session.terminal.note('Nothing found.');
  else {
    const names = Object.keys(rows[0] ?? {});
    const columns = Object.fromEntries(names.map((name) => [name, (row: Record<string, unknown>) => row[name]]));
    session.list(columns satisfies Columns<Record<string, unknown>>, rows);
  }
  session.terminal.note(`Complete until ${time(completeUntil)}; later requests are counted in part.`);
}
