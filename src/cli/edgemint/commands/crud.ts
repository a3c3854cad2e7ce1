import type { Command } from 'commander';
import type { Answer, Api } from '../api.ts';
import { UsageError } from '../failures.ts';
import { type Columns, listing } from '../output.ts';
import { wholeNumber } from '../parse.ts';
import { line } from '../printable.ts';
import type { Page } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';
import { addFieldOptions, type Field, readFields } from './fields.ts';

/** What the commands of a collection need to know of it. */
export interface Collection<Item> {
  /** Below `/v1/`. */
  readonly path: string;
  /** As in "the ‹client› Invoice worker". */
  readonly noun: string;
  /** The argument that stands for one of them. */
  readonly id: string;
  readonly nameOf: (item: Item) => string;
  readonly columns: Columns<Item>;
  readonly fields: readonly Field[];
  /** Whether lists and creations are for an organization. */
  readonly isOwned: boolean;
  /** What may orphan others. */
  readonly cascades?: readonly ('update' | 'delete')[];
}

interface Listed {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

interface Source {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Whether it is the list of an organization. */
  readonly isOwned: boolean;
}

/** `list`, or by another name, of whatever is listed by pages. @param source what the options and arguments ask for */
export function addList<Item>(
  parent: Command,
  description: string,
  columns: Columns<Item>,
  source: (command: Command, args: readonly string[]) => Source,
  name = 'list',
): Command {
  const command = parent
    .command(name)
    .description(description)
    .option('--limit <number>', 'items of a page, 1 to 100', wholeNumber)
    .option('--cursor <cursor>', 'go on where a page ended')
    .option('--all', 'every page');
  return command.action(async () => {
    const session = new Session(command);
    const { limit, cursor, all } = command.opts<Listed>();
    const { path, query, isOwned } = source(command, command.args);
    const api = await session.api();
    const full = { ...query, organization_id: isOwned ? api.organization : undefined };
    const page: Page<Item> = all
      ? { data: await api.all<Item>(path, { ...full, limit }), next_cursor: null }
      : (await api.get<Page<Item>>(path, { ...full, limit, cursor })).body;
    if (session.json) return session.terminal.printJson(page);
    if (page.data.length === 0) return session.terminal.note('There is nothing.');
    session.terminal.print(listing(columns, page.data));
    if (page.next_cursor !== null)
      session.terminal.note(`There are more: --all shows them, --cursor ${line(page.next_cursor)} the next page.`);
  });
}

export function addGet<Item>(parent: Command, { path, noun, id }: Collection<Item>): void {
  const command = parent.command('get').description(`show one ${noun}`).argument(`<${id}>`);
  command.action(async (given: string) => {
    const session = new Session(command);
    const { body, etag } = await (await session.api()).get(one(path, given));
    session.show(body);
    if (!session.json && etag !== null) session.terminal.note(`ETag ${line(etag)}`);
  });
}

/** @param secret the field of the answer, where it has it, that is shown this once */
export function addCreate<Item>(
  parent: Command,
  { path, noun, fields, isOwned }: Collection<Item>,
  {
    secret,
    complete,
  }: {
    secret?: string;
    complete?: (body: Record<string, unknown>, session: Session, command: Command) => Promise<void>;
  } = {},
): Command {
  const command = addFieldOptions(parent.command('create').description(`create a ${noun}`), fields);
  return command.action(async () => {
    const session = new Session(command);
    const body = await readFields(command, fields, session.terminal);
    await complete?.(body, session, command);
    const api = await session.api();
    if (isOwned && api.organization !== undefined) body.organization_id ??= api.organization;
    const created = (await api.post(path, body)).body;
    session.show(created);
    if (secret && Object(created)[secret] !== undefined)
      session.terminal.note(`The ${secret} is shown this once: keep it now.`);
  });
}

export function addUpdate<Item>(parent: Command, collection: Collection<Item>): void {
  const { path, noun, id, cascades = [] } = collection;
  const fields = collection.fields.filter(({ onlyNew }) => !onlyNew);
  const command = addFieldOptions(
    parent.command('update').description(`change a ${noun}; a field that is a list is replaced`).argument(`<${id}>`),
    fields,
  )
    .option('--reset <field>', 'back to the default (repeatable)', (text, all: string[]) => [...all, text], [])
    .option('--if-match <etag>', 'only if nobody changed it since it had this ETag');
  if (cascades.includes('update')) command.option('--cascade', 'take what is removed from all that have it');
  command.action(async (given: string) => {
    const session = new Session(command);
    const options = command.opts<{ reset: string[]; ifMatch?: string; cascade?: boolean }>();
    const patch = await readFields(command, fields, session.terminal);
    for (const name of options.reset.map((given) => given.replaceAll('-', '_'))) {
      if (Object.hasOwn(patch, name)) throw new UsageError(`${line(name)} is both set and reset.`);
      patch[name] = null;
    }
    if (Object.keys(patch).length === 0) throw new UsageError('Nothing to change was given; --help shows what can be.');
    const answer = await (await session.api()).patch(one(path, given), patch, options);
    showChanged(session, answer);
  });
}

export function addDelete<Item>(parent: Command, { path, noun, id, nameOf, cascades = [] }: Collection<Item>): void {
  const command = parent.command('delete').description(`delete a ${noun}`).argument(`<${id}>`);
  if (cascades.includes('delete')) command.option('--cascade', 'together with all that would be orphaned');
  command.action(async (given: string) => {
    const session = new Session(command);
    const api = await session.api();
    const target = one(path, given);
    // What is deleted is what was shown to whom agreed.
    const found = session.options.yes ? undefined : await readable<Item>(api, target);
    const name = found ? `${nameOf(found.body)} (${given})` : given;
    await session.confirm(`Delete the ${noun} ${name}?`);
    const { cascade } = command.opts<{ cascade?: boolean }>();
    const answer = await api.delete(target, { cascade, ifMatch: found?.etag ?? undefined });
    if (answer.status === 202) return showChanged(session, answer);
    session.done(`Deleted the ${noun} ${name}.`);
  });
}

/** @returns undefined where the API key may write and not read */
async function readable<Item>(api: Api, path: string): Promise<Answer<Item> | undefined> {
  try {
    return await api.get<Item>(path);
  } catch (error) {
    if (error instanceof RequestError && error.status === 403) return undefined;
    throw error;
  }
}

/** `revoke-tokens`: of a client, or of all clients of an organization. */
export function addRevokeTokens<Item>(parent: Command, { path, noun, id }: Collection<Item>): void {
  const command = parent
    .command('revoke-tokens')
    .description(`revoke every token that the ${noun} got so far`)
    .argument(`<${id}>`);
  command.action(async (given: string) => {
    const session = new Session(command);
    await session.confirm(`Revoke every token that the ${noun} ${given} got so far?`);
    const answer = await (await session.api()).post(`${one(path, given)}/revoke-tokens`, {});
    if (session.json || answer.status === 202) return showChanged(session, answer);
    session.done(`Revoked: no token that the ${noun} ${given} got so far is active.`);
  });
}

/** A representation, or what is known of a change that was not waited for. */
export function showChanged(session: Session, answer: Answer<unknown>): void {
  session.show(answer.body);
  if (isUnderWay(answer)) session.terminal.note('It is under way: edgemint changes get <id> shows how far.');
}

/** Whether it is the answer to a change that was not waited for. */
export function isUnderWay({ status, body }: Answer<unknown>): boolean {
  return status === 202 && Object(body).status === 'pending';
}

/** The path of one of a collection. */
export function one(path: string, id: string): string {
  return `${path}/${encodeURIComponent(id)}`;
}
