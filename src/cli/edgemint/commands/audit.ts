import type { Command } from 'commander';
import { CHANGED_FIELDS_SHOWN } from '../../constants.ts';
import { pastTime } from '../parse.ts';
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
  addList(group, 'list audit events, newest first; --json shows the changes in full', COLUMNS, (command) => {
    const { actor, target, action, request, from, to } = command.opts<Record<string, string>>();
    return { path: 'audit-events', isOwned: true, query: { actor, target, action, request_id: request, from, to } };
  })
    .option('--actor <id>', 'only events by this API key, client, or root')
    .option('--target <id>', 'only events about this item')
    .option('--action <action>', 'only events of this kind, such as client.created')
    .option('--request <id>', 'only events of the request with this id, as in the log and in X-Request-Id')
    .option('--from <time>', 'a time (RFC 3339), a day, or a duration before now such as 24h', pastTime)
    .option('--to <time>', 'like --from', pastTime);
}

function shorten(names: readonly string[]): string[] {
  return names.length > CHANGED_FIELDS_SHOWN ? [...names.slice(0, CHANGED_FIELDS_SHOWN), '…'] : [...names];
}
