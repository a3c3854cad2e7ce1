import type { Command } from 'commander';
import type { QuotaPeriod, QuotaReport } from '../representations.ts';
import { Session } from '../session.ts';
import { itemPath, NAME_OR_ID } from './crud.ts';

interface Row extends QuotaPeriod {
  readonly period: string;
}

/** Adds `quota`. */
export function addQuota(group: Command): void {
  const columns = {
    period: ({ period }: Row) => period,
    issued: ({ issued }: Row) => issued,
    limit: ({ limit }: Row) => limit,
    remaining: ({ remaining }: Row) => remaining,
    resets_at: ({ resets_at }: Row) => resets_at,
  };
  const command = group
    .command('quota')
    .description('show how many tokens a client was issued in this day and month (UTC), and what is left of its quota')
    .argument('<client>', NAME_OR_ID);
  command.action(async (named: string) => {
    const session = new Session(command);
    const clientId = await session.find('client', named);
    const { body } = await (await session.api()).get<QuotaReport>(`${itemPath('clients', clientId)}/quota`);
    if (session.json) return session.show(body);
    const { action, day, month } = body;
    session.list(columns, [
      { period: 'day', ...day },
      { period: 'month', ...month },
    ]);
    session.terminal.note(action === null ? 'The client has no quota.' : `At the quota: ${action}.`);
  });
}
