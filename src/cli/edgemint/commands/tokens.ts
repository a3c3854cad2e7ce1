import type { Command } from 'commander';
import { EXIT_FAILED } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { UsageError } from '../failures.ts';
import { basic, postForm } from '../oauth.ts';
import { record } from '../output.ts';
import { futureTime, jsonObject } from '../parse.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { decodeToken, verifyToken } from '../token.ts';

const TOKEN = 'EDGEMINT_TOKEN';
const CLIENT_ID = 'EDGEMINT_CLIENT_ID';
const CLIENT_SECRET = 'EDGEMINT_CLIENT_SECRET';

export function addTokens(program: Command): void {
  const group = program
    .command('tokens')
    .description(`access tokens; read from ${TOKEN}, asked for, or from stdin, and never from the arguments`);
  addIssue(group);
  addIntrospect(group);
  addRevoke(group);
  addDecode(group);
}

function addIssue(group: Command): void {
  const command = group
    .command('issue')
    .description('get a token as a client does, and print it alone')
    .option(
      '--client-id <id>',
      `the client; also ${CLIENT_ID}. Its secret is in ${CLIENT_SECRET}, asked for, or on stdin`,
    )
    .option('--scope <scopes>', 'the scopes to ask for, in quotes; else all that it is granted')
    .option('--resource <identifier>', 'the resource server that the token is for')
    .option('--claims <json>', 'claims to ask for, of those that the client may', jsonObject);
  command.action(async () => {
    const session = new Session(command);
    const { url } = await session.connection(false);
    const { scope, resource, claims } = command.opts<{ scope?: string; resource?: string; claims?: object }>();
    const form = { grant_type: 'client_credentials', scope, resource, claims: claims && JSON.stringify(claims) };
    const answer = await postForm(
      `${url}/oauth2/token`,
      form,
      await clientAuthorization(command, session.terminal),
      session.terminal,
    );
    if (session.json) return session.terminal.printJson(answer);
    const { access_token, expires_in, scope: granted } = Object(answer);
    session.terminal.print(String(access_token));
    session.terminal.note(`For ${expires_in} seconds, with ${granted ? `the scopes ${granted}` : 'no scope'}.`);
  });
}

function addIntrospect(group: Command): void {
  const command = group
    .command('introspect')
    .description('ask the server about a token, with the API key, or as a client')
    .option('--client-id <id>', `ask as this client, with the secret in ${CLIENT_SECRET}`)
    .option('--scope <scopes>', 'active only if the token was granted all of these')
    .option('--strong', 'ask the client’s gate, also where the resource server chose the edge');
  command.action(async () => {
    const session = new Session(command);
    const { scope, clientId, strong } = command.opts<{ scope?: string; clientId?: string; strong?: boolean }>();
    const { url, apiKey } = await session.connection(clientId === undefined);
    const authorization =
      clientId === undefined ? `Bearer ${apiKey}` : await clientAuthorization(command, session.terminal);
    const token = await session.terminal.readSecret('Token', TOKEN);
    const form = { token, scope, introspection: strong ? 'strong' : undefined };
    session.show(withTimes(session, await postForm(`${url}/oauth2/introspect`, form, authorization, session.terminal)));
  });
}

function addRevoke(group: Command): void {
  const command = group
    .command('revoke')
    .description('revoke a token, or the one that is known by its id')
    .option('--jti <id>', 'the `jti` of a token that is not at hand')
    .option('--client-id <id>', 'with --jti: whose token it is')
    .option('--expires-at <time>', 'with --jti: when it expires, RFC 3339 or from now on as in 1h', futureTime);
  command.action(async () => {
    const session = new Session(command);
    const { jti, clientId, expiresAt } = command.opts<{ jti?: string; clientId?: string; expiresAt?: string }>();
    if ((jti === undefined) !== (clientId === undefined) || (jti === undefined) !== (expiresAt === undefined)) {
      throw new UsageError('--jti, --client-id and --expires-at go together.');
    }
    const api = await session.api();
    const known = { jti, client_id: clientId, expires_at: expiresAt };
    const answer = await api.post(
      'tokens/revoke',
      jti === undefined ? { token: await session.terminal.readSecret('Token', TOKEN) } : known,
    );
    if (session.json) return session.terminal.printJson(answer.body);
    session.done('Revoked: no introspection calls it active any more; one at the edge may for a minute or more.');
  });
}

function addDecode(group: Command): void {
  const command = group
    .command('decode')
    .description('show what is in a token, without asking anybody; nothing is verified without --verify')
    .option('--verify', 'verify signature, issuer, type and times by the server’s JWKS')
    .option('--audience <identifier>', 'with --verify: the resource server that it must be for');
  command.action(async () => {
    const session = new Session(command);
    const { verify, audience } = command.opts<{ verify?: boolean; audience?: string }>();
    if (audience !== undefined && !verify) throw new UsageError('--audience goes with --verify.');
    const token = await session.terminal.readSecret('Token', TOKEN);
    const { header, claims } = decodeToken(token);
    const verdict = verify ? await verifyToken(token, (await session.connection(false)).url, audience) : undefined;
    if (session.json) session.terminal.printJson({ header, claims, verified: verdict?.isValid ?? false });
    else session.terminal.print(`${record(header)}\n${record(Object(withTimes(session, claims)))}`);
    session.terminal.note(verdict?.sentence ?? 'Not verified: anybody could have written this.');
    if (verdict && !verdict.isValid) session.terminal.exitCode = EXIT_FAILED;
  });
}

/** For people the claims that are times get a time that can be read. */
function withTimes(session: Session, claims: unknown): unknown {
  if (session.json) return claims;
  const entries = Object.entries(Object(claims)).map(([name, value]) => {
    const isTime = ['exp', 'iat', 'nbf'].includes(name) && typeof value === 'number' && Math.abs(value) < 1e11;
    return [name, isTime ? `${value} (${relative(value)})` : value];
  });
  return Object.fromEntries(entries);
}

/** @param seconds since the epoch */
function relative(seconds: number): string {
  const difference = Math.round(seconds - Date.now() / 1000);
  const time = new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
  const units = { day: 86_400, hour: 3600, minute: 60, second: 1 } as const;
  for (const [unit, size] of Object.entries(units)) {
    if (Math.abs(difference) < size && unit !== 'second') continue;
    const text = new Intl.RelativeTimeFormat('en').format(Math.trunc(difference / size), unit as keyof typeof units);
    return `${time}, ${text}`;
  }
  return time;
}

async function clientAuthorization(command: Command, terminal: Terminal): Promise<string> {
  const client_id = command.opts<{ clientId?: string }>().clientId ?? (terminal.env[CLIENT_ID] || undefined);
  if (client_id === undefined) throw new UsageError(`Which client? Give --client-id or ${CLIENT_ID}.`);
  const client_secret = await terminal.readSecret(`Secret of ${client_id}`, CLIENT_SECRET);
  if (client_secret.startsWith('emc_')) throw new Failure('That is a client_id, not a secret.');
  return basic({ client_id, client_secret });
}
