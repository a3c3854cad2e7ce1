import type { Api } from './api.ts';
import {
  ambiguous,
  didYouMean,
  findNamesakes,
  hasClientId,
  mayBeId,
  NAMES_NEED_ORGANIZATION,
  namesNeedOrganization,
} from './named.ts';
import type { Kind } from './named-kinds.ts';
import { shorten } from './printable.ts';

/**
 * Returns the id of a resource of one of several kinds that the user named by its id or name.
 * @returns the text itself if nothing has the name. It may be the id of something that was deleted, or that has no name
 * @param note tells the user that the text was taken for an id
 * @throws Failure if several have the name; UsageError if the text can only be a name, and names need an organization
 */
export async function findAnyId(
  api: Api,
  kindNames: readonly Kind[],
  text: string,
  note: (sentence: string) => void,
): Promise<string> {
  if (/^[a-z]+_[0-9A-Za-z]{20,}$/.test(text)) return text;
  if (kindNames.includes('client') && (await hasClientId(api, text))) return text;
  const found = await Promise.all(kindNames.map((name) => findNamesakes(api, name, text)));
  const exact = found.flatMap((each) => each?.exact ?? []);
  if (exact.length > 1)
    throw ambiguous(
      `${exact.length} items`,
      text,
      exact.map(({ description }) => description),
    );
  if (exact[0]) return exact[0].id;
  const needsOrganization = found.includes(undefined);
  if (needsOrganization && !mayBeId(text)) throw namesNeedOrganization(text, 'id');
  const similar = found.flatMap((each) => each?.similar ?? []).map(({ description }) => description);
  const help = needsOrganization ? NAMES_NEED_ORGANIZATION : similar.length > 0 ? didYouMean(similar) : '';
  note(`Nothing is called \`${shorten(text)}\`: it is taken for an id. ${help}`.trim());
  return text;
}
