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
  changes: ({ changes }: AuditEvent) => fewOf(Object.keys(Object(changes))),
};

export function addAudit(program: Command): void {
  const group = program.command('audit').description('audit events: who changed what');
  addList(group, 'list audit events, the newest first; --json shows the changes', COLUMNS, (command) => {
    const { actor, target, action, from, to } = command.opts<Record<string, string>>();
    return { path: 'audit-events', isOwned: true, query: { actor, target, action, from, to } };
  })
    .option('--actor <id>', 'those of an API key, of a client, or of root')
    .option('--target <id>', 'those about something')
    .option('--action <action>', 'those of a kind, as in client.created')
    .option('--from <time>', 'RFC 3339, a day, or back from now as in 24h', pastTime)
    .option('--to <time>', 'the same', pastTime);
}

function fewOf(names: readonly string[]): string[] {
  return names.length > CHANGED_FIELDS_SHOWN ? [...names.slice(0, CHANGED_FIELDS_SHOWN), '…'] : [...names];
}
