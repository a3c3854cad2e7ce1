import type { Command } from 'commander';
import { Failure } from '../../failure.ts';
import { UsageError } from '../failures.ts';
import { findIssuer } from '../issuer.ts';
import { readPrivateKey, signAssertion } from '../keys.ts';
import { encodeBasic, OAuthRefusal } from '../oauth.ts';
import { line } from '../printable.ts';
import type { Session } from '../session.ts';
import { type FoundClient, findClientWithoutKey } from './client-without-key.ts';

export const CLIENT_ID = 'EDGEMINT_CLIENT_ID';
export const CLIENT_SECRET = 'EDGEMINT_CLIENT_SECRET';

/** The client that a command of `tokens` acts as. */
export interface NamedClient extends FoundClient {
  /** As the user named it. */
  readonly text: string;
}

interface Authentication {
  /** Parameters of the form. */
  readonly assertion?: Readonly<Record<string, string>>;
  /** The value of the Authorization header. */
  readonly authorization?: string;
}

/** Returns the client that `--client-id` names by its name or id, or the environment by its id. @throws UsageError if neither does */
export async function namedClient(command: Command, session: Session): Promise<NamedClient> {
  const { clientId } = command.opts<{ clientId?: string }>();
  if (clientId !== undefined) return { text: clientId, ...(await findClientWithoutKey(session, clientId)) };
  const preset = session.terminal.env[CLIENT_ID];
  if (!preset) throw new UsageError(`No client is named. Set --client-id or ${CLIENT_ID}.`);
  return { text: preset, client_id: preset };
}

/** Authenticates a client with the key of `--key-file`, else with its secret. @param url the server */
export async function authenticate(
  command: Command,
  session: Session,
  { client_id, text }: NamedClient,
  url: string,
): Promise<Authentication> {
  const { keyFile, kid } = command.opts<{ keyFile?: string; kid?: string }>();
  if (keyFile !== undefined) {
    const issuer = await findIssuer(url, session.terminal);
    const client_assertion = await signAssertion(client_id, await readPrivateKey(keyFile, kid), issuer);
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    return { assertion: { client_assertion, client_assertion_type } };
  }
  if (kid !== undefined) throw new UsageError('--kid requires --key-file.');
  const client_secret = await session.terminal.readSecret(`Secret of ${line(text)}`, CLIENT_SECRET);
  if (client_secret.startsWith('emc_'))
    throw new Failure('The secret is a client_id: it starts with emc_. Use the client_secret.');
  return { authorization: encodeBasic({ client_id, client_secret }) };
}

/** Returns a handler that adds to a refusal what the user can do if the client was not found by its name. */
export function explainRefusal(client: NamedClient | undefined): (error: unknown) => never {
  return (error) => {
    if (error instanceof OAuthRefusal && error.error === 'invalid_client' && client?.advice !== undefined)
      error.message += `\n${client.advice}`;
    throw error;
  };
}
