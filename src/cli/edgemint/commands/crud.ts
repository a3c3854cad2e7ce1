import type { Command } from 'commander';
import { PAGE_LIMIT } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import type { Answer, Api } from '../api.ts';
import { UsageError } from '../failures.ts';
import type { Field } from '../field.ts';
import type { Kind } from '../named-kinds.ts';
import { type Columns, isEmpty, record } from '../output.ts';
import { wholeNumber } from '../parse.ts';
import { line } from '../printable.ts';
import type { Page } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';
import { addFieldOptions, readFields, replaceNames } from './fields.ts';

/** Describes a collection of the API to its commands. */
export interface Collection<Item> {
  /** The path below `/v1/`. */
  readonly path: string;
  /** A noun for texts, such as `client` in "the client Invoice worker". */
  readonly noun: string;
  /** The name of the argument that identifies one item, by its name or id. */
  readonly kind: Kind;
  readonly nameOf: (item: Item) => string;
  readonly columns: Columns<Item>;
  readonly fields: readonly Field[];
  /** Returns the rows that show an item to people, without those that say nothing. */
  readonly rowsOf?: (item: Item) => Record<string, unknown>;
  /** Reads further rows for people. */
  readonly detailsOf?: (api: Api, item: Item) => Promise<Record<string, unknown>>;
  /** Whether each item belongs to an organization. */
  readonly isOwned: boolean;
  /** The operations that may leave dependents without what they refer to. */
  readonly cascades?: readonly ('update' | 'delete')[];
}

/** Width of the names of details, so that they align with the rows before them: that of `effective_scopes`. */
const DETAILS_WIDTH = 16;
/** Describes the argument that identifies one item. */
export const NAME_OR_ID = 'its name or id';

interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

interface Source {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Whether the list belongs to an organization. */
  readonly isOwned: boolean;
}

/**
 * Adds a command that lists items by pages.
 * @param source returns the path and query that the options and arguments choose
 * @param name the name of the command
 */
export function addList<Item>(
  parent: Command,
  description: string,
  columns: Columns<Item> | ((items: readonly Item[]) => Columns<Item>),
  source: (command: Command, args: readonly string[], session: Session) => Source | Promise<Source>,
  name = 'list',
  nothing = 'Nothing found.',
): Command {
  const command = parent
    .command(name)
    .description(description)
    .option('--limit <number>', `items per page, 1 to ${PAGE_LIMIT}`, wholeNumber)
    .option('--cursor <cursor>', 'show the page that starts at this cursor')
    .option('--all', 'show all pages');
  return command.action(async () => {
    const session = new Session(command);
    const { limit, cursor, all } = command.opts<ListOptions>();
    const { path, query, isOwned } = await source(command, command.args, session);
    const api = await session.api();
    const full = { ...query, organization_id: isOwned ? api.organization : undefined };
    const page: Page<Item> = all
      ? { data: await api.all<Item>(path, { ...full, limit }), next_cursor: null }
      : await api.page<Item>(path, { ...full, limit, cursor });
    if (session.json) return session.terminal.printJson(page);
    if (page.data.length === 0) return session.terminal.note(nothing);
    session.list(typeof columns === 'function' ? columns(page.data) : columns, page.data);
    if (page.next_cursor !== null)
      session.terminal.note(`There are more. --all shows all, --cursor ${line(page.next_cursor)} the next page.`);
  });
}

/** Adds `get`. */
export function addGet<Item>(parent: Command, collection: Collection<Item>): void {
  const { path, noun, kind } = collection;
  const command = parent.command('get').description(`show one ${noun}`).argument(`<${kind}>`, NAME_OR_ID);
  command.action(async (named: string) => {
    const session = new Session(command);
    const api = await session.api();
    const itemId = await session.find(kind, named);
    const { body, etag } = await api.get<Item>(itemPath(path, itemId));
    await showItem(session, collection, body);
    if (!session.json && etag !== null) session.terminal.note(`ETag ${line(etag)}`);
  });
}

/**
 * Adds `create`.
 * @param secret the field of the answer, if any, that the server shows only once
 * @param complete adds fields to the body that no option holds
 */
export function addCreate<Item>(
  parent: Command,
  collection: Collection<Item>,
  {
    secret,
    complete,
  }: {
    secret?: string;
    complete?: (body: Record<string, unknown>, session: Session, command: Command) => Promise<void>;
  } = {},
): Command {
  const { path, noun, fields, isOwned } = collection;
  const command = addFieldOptions(parent.command('create').description(`create a ${noun}`), fields);
  return command.action(async () => {
    const session = new Session(command);
    const body = await readFields(command, fields, session.terminal);
    await complete?.(body, session, command);
    const api = await session.api();
    if (isOwned && api.organization !== undefined) body.organization_id ??= api.organization;
    const created = (await api.post<Item>(path, body)).body;
    await showItem(session, collection, created);
    if (secret && Object(created)[secret] !== undefined)
      session.terminal.note(`Store the ${secret} now. It is not shown again.`);
  });
}

export function addUpdate<Item>(parent: Command, collection: Collection<Item>): void {
  const { path, noun, kind, cascades = [] } = collection;
  const fields = collection.fields.filter(({ onlyNew }) => !onlyNew);
  const command = addFieldOptions(
    parent
      .command('update')
      .description(`change fields of a ${noun}; a list is replaced as a whole`)
      .argument(`<${kind}>`, NAME_OR_ID),
    fields,
  )
    .option(
      '--reset <field>',
      'set a field back to its default (repeatable)',
      (text, all: string[]) => [...all, text],
      [],
    )
    .option('--if-match <etag>', 'change it only if it still has this ETag');
  if (cascades.includes('update')) command.option('--cascade', 'remove from dependents what this change removes');
  command.action(async (named: string) => {
    const session = new Session(command);
    const options = command.opts<{ reset: string[]; ifMatch?: string; cascade?: boolean }>();
    const patch = await readFields(command, fields, session.terminal);
    for (const name of options.reset.map((field) => field.replaceAll('-', '_'))) {
      if (Object.hasOwn(patch, name))
        throw new UsageError(`${line(name)} is both set and reset. Remove one of the two options.`);
      patch[name] = null;
    }
    if (Object.keys(patch).length === 0) throw new UsageError('No field to change is named. --help lists the options.');
    const api = await session.api();
    const itemId = await session.find(kind, named);
    await replaceNames(command, fields, patch, (kind, text) => session.find(kind, text, itemId));
    const answer = await api.patch<Item>(itemPath(path, itemId), patch, options);
    if (answer.status === 202) return showChanged(session, answer);
    await showItem(session, collection, answer.body);
  });
}

export function addDelete<Item>(parent: Command, { path, noun, kind, nameOf, cascades = [] }: Collection<Item>): void {
  const command = parent.command('delete').description(`delete a ${noun}`).argument(`<${kind}>`, NAME_OR_ID);
  if (cascades.includes('delete')) command.option('--cascade', 'delete or change its dependents as well');
  command.action(async (named: string) => {
    const session = new Session(command);
    const api = await session.api();
    const itemId = await session.find(kind, named);
    const target = itemPath(path, itemId);
    // The ETag ensures that the deleted item is the one whose name the user confirmed.
    const found = session.options.yes ? undefined : await getIfReadable<Item>(api, target);
    const name = found ? `${nameOf(found.body)} (${itemId})` : itemId;
    await session.confirm(`Delete the ${noun} ${name}?`, ownerOf(found?.body));
    const { cascade } = command.opts<{ cascade?: boolean }>();
    const answer = await api.delete(target, { cascade, ifMatch: found?.etag ?? undefined });
    if (answer.status === 202) return showChanged(session, answer);
    session.done(`Deleted the ${noun} ${name}.`);
  });
}

/** Shows an item: with `--json` its representation alone, so that `update --from` accepts it; for people also what follows from it. */
async function showItem<Item>(session: Session, collection: Collection<Item>, item: Item): Promise<void> {
  if (session.json) return session.terminal.printJson(item);
  const { rowsOf = Object, detailsOf } = collection;
  const rows = Object.entries<unknown>(rowsOf(item)).filter(([, value]) => !isEmpty(value));
  const { screen } = session.terminal;
  const width = detailsOf ? Math.max(DETAILS_WIDTH, ...rows.map(([name]) => name.length)) : 0;
  // A new secret is printed before further requests can fail.
  session.terminal.print(record(Object.fromEntries(rows), screen, width));
  if (!detailsOf) return;
  const details = await detailsOf(await session.api(), item).catch((error: unknown) => {
    if (error instanceof Failure) return {};
    throw error;
  });
  if (Object.keys(details).length > 0) session.terminal.print(record(details, screen, width));
}

/** Returns the organization that an item belongs to, if it belongs to one. */
export function ownerOf(item: unknown): string | undefined {
  return Object(item).organization_id ?? undefined;
}

/** @returns undefined if the API key may write but not read */
export async function getIfReadable<Item>(api: Api, path: string): Promise<Answer<Item> | undefined> {
  try {
    return await api.get<Item>(path);
  } catch (error) {
    if (error instanceof RequestError && error.status === 403) return undefined;
    throw error;
  }
}

/** Adds `revoke-tokens`, for a client or for all clients of an organization. */
export function addRevokeTokens<Item>(parent: Command, { path, noun, kind }: Collection<Item>): void {
  const command = parent
    .command('revoke-tokens')
    .description(`revoke all tokens that the ${noun} has now`)
    .argument(`<${kind}>`, NAME_OR_ID);
  command.action(async (named: string) => {
    const session = new Session(command);
    const itemId = await session.find(kind, named);
    await session.confirm(
      `Revoke all tokens that the ${noun} ${named} has now?`,
      kind === 'organization' ? itemId : undefined,
    );
    const answer = await (await session.api()).post(`${itemPath(path, itemId)}/revoke-tokens`, {});
    if (session.json || answer.status === 202) return showChanged(session, answer);
    session.done(`Revoked all tokens that the ${noun} ${named} had.`);
  });
}

/** Shows the changed representation, or the change if it was not waited for. */
export function showChanged(session: Session, answer: Answer<unknown>): void {
  session.show(answer.body);
  if (isUnderWay(answer))
    session.terminal.note('The change is still propagating. edgemint changes get <id> shows its progress.');
}

/** Whether an answer is about a change that was not waited for. */
export function isUnderWay({ status, body }: Answer<unknown>): boolean {
  return status === 202 && Object(body).status === 'pending';
}

/** Returns the path of one item of a collection. */
export function itemPath(path: string, id: string): string {
  return `${path}/${encodeURIComponent(id)}`;
}
