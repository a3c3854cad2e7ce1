import type { Command } from 'commander';
import { ACTORS } from '../../../store/actors.ts';
import { findAnyId } from '../named-any.ts';
import type { Kind } from '../named-kinds.ts';
import { pastTime } from '../parse.ts';
import type { Session } from '../session.ts';

/** Adds the options that choose audit events. */
export function addFilters(command: Command): Command {
  return command
    .option('--actor <actor>', 'only events by this API key or client, by name or id, or by root')
    .option('--target <item>', 'only events about this item, by name or id')
    .option('--action <action>', 'only events of this kind, such as client.created')
    .option('--request <id>', 'only events of the request with this id, as in the log and in X-Request-Id')
    .option('--from <time>', 'a time (RFC 3339), a day, or a duration before now such as 24h', pastTime)
    .option('--to <time>', 'like --from', pastTime);
}

const ACTOR_KINDS: readonly Kind[] = ['api-key', 'client'];
const TARGET_KINDS: readonly Kind[] = [...ACTOR_KINDS, 'organization', 'resource-server', 'role', 'webhook'];

/** Returns the query parameters that the options of `addFilters` choose. @throws Failure if several items have a name */
export async function filtersOf(
  command: Command,
  session: Session,
): Promise<Readonly<Record<string, string | undefined>>> {
  const options = command.opts<Record<string, string>>();
  const { action, request, from, to } = options;
  const find = async (kinds: readonly Kind[], text: string | undefined) =>
    text && findAnyId(await session.api(), kinds, text, (sentence) => session.terminal.note(sentence));
  const actor = isActor(options.actor) ? options.actor : await find(ACTOR_KINDS, options.actor);
  const target = await find(TARGET_KINDS, options.target);
  return { actor, target, action, request_id: request, from, to };
}

/** Whether a text is an actor that is neither an API key nor a client, such as `root` or `service:schedule`. */
function isActor(text: string | undefined): boolean {
  return text !== undefined && (ACTORS.some((actor) => actor === text) || /^(person|portal|service):/.test(text));
}
