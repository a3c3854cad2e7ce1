import type { Command } from 'commander';
import { pastTime } from '../parse.ts';

/** Adds the options that choose audit events. */
export function addFilters(command: Command): Command {
  return command
    .option('--actor <id>', 'only events by this API key, client, or root')
    .option('--target <id>', 'only events about this item')
    .option('--action <action>', 'only events of this kind, such as client.created')
    .option('--request <id>', 'only events of the request with this id, as in the log and in X-Request-Id')
    .option('--from <time>', 'a time (RFC 3339), a day, or a duration before now such as 24h', pastTime)
    .option('--to <time>', 'like --from', pastTime);
}

/** Returns the query parameters that the options of `addFilters` choose. */
export function filtersOf(command: Command): Readonly<Record<string, string | undefined>> {
  const { actor, target, action, request, from, to } = command.opts<Record<string, string>>();
  return { actor, target, action, request_id: request, from, to };
}
