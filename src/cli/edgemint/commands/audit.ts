import type { Command } from 'commander';
import { CHANGED_FIELDS_SHOWN } from '../../constants.ts';
import { addAuditExport } from './audit-export.ts';
import { addFilters, filtersOf } from './audit-filters.ts';
import { addList } from './crud.ts';

interface AuditEvent {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly address: string | null;
  readonly changes: unknown;
}

const COLUMNS = {
  at: ({ at }: AuditEvent) => at,
  actor: ({ actor }: AuditEvent) => actor,
  action: ({ action }: AuditEvent) => action,
  target: ({ target }: AuditEvent) => target,
  address: ({ address }: AuditEvent) => address,
  changes: ({ changes }: AuditEvent) => shorten(Object.keys(Object(changes))),
};

export function addAudit(program: Command): void {
  const group = program.command('audit').description('audit events: the history of changes');
  const list = addList(
    group,
    'list audit events, newest first; --json shows the changes in full',
    COLUMNS,
    async (command, _, session) => ({
      path: 'audit-events',
      isOwned: true,
      query: await filtersOf(command, session),
    }),
  );
  addFilters(list);
  addAuditExport(group);
}

function shorten(names: readonly string[]): string[] {
  return names.length > CHANGED_FIELDS_SHOWN ? [...names.slice(0, CHANGED_FIELDS_SHOWN), '…'] : [...names];
}
