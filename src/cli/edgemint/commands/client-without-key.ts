import { UsageError } from '../failures.ts';
import { mayBeId } from '../named.ts';
import { findAnyId } from '../named-any.ts';
import { shorten } from '../printable.ts';
import { RequestError } from '../request-error.ts';
import type { Session } from '../session.ts';

export interface FoundClient {
  readonly client_id: string;
  /** What the user can do if there is no such client. Absent if the client was found, or the text is a generated id. */
  readonly advice?: string;
}

/** Returns the id of a client with a name. @throws Failure */
type Find = (session: Session, text: string) => Promise<string>;

const findExisting: Find = (session, text) => session.find('client', text);

/** Like `session.find`, for clients that may have been deleted: a text that no client is called is taken for an id. */
export const findFormer: Find = async (session, text) =>
  findAnyId(await session.api(), ['client'], text, (sentence) => session.terminal.note(sentence));

/**
 * Finds a client that an option names by its name or id, for commands that need no API key. Only with a key can names be found: without one,
 * a text that may be the id of a client from another provider is taken for it.
 * @throws Failure if no client has the name, or several have it; UsageError if it can only be a name, and there is no key
 */
export async function findClientWithoutKey(session: Session, text: string, find = findExisting): Promise<FoundClient> {
  if (text.startsWith('emc_')) return { client_id: text };
  const connection = await session.connection(false).catch((error: unknown) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  if (connection?.apiKey === undefined) {
    const subject = `\`${shorten(text)}\` is not the id of a client`;
    const advice = 'A name is found with an API key only: log in (edgemint login), or set EDGEMINT_API_KEY.';
    if (mayBeId(text)) return { client_id: text, advice: `If ${subject}: ${advice}` };
    throw new UsageError(`${subject}. ${advice}`);
  }
  try {
    return { client_id: await find(session, text) };
  } catch (error) {
    // The command works without the management API.
    if (!(error instanceof RequestError) || !mayBeId(text)) throw error;
    return { client_id: text, advice: `The name \`${shorten(text)}\` could not be looked up: ${error.message}` };
  }
}
