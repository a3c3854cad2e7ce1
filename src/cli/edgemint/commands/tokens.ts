import type { Command } from 'commander';
import { isResourceUri } from '../../../lib/identifier.ts';
import { EXIT_FAILED, EXIT_INACTIVE, MAX_SHOWN_TIME } from '../../constants.ts';
import { UNITS } from '../durations.ts';
import { UsageError } from '../failures.ts';
import { postForm } from '../oauth.ts';
import { record } from '../output.ts';
import { futureTime, jsonObject } from '../parse.ts';
import { Session } from '../session.ts';
import { decodeToken, verifyToken } from '../token.ts';
import { authenticate, CLIENT_ID, CLIENT_SECRET, explainRefusal, namedClient } from './token-client.ts';

const TOKEN = 'EDGEMINT_TOKEN';

export function addTokens(program: Command): void {
  const group = program
    .command('tokens')
    .description(`access tokens; a token is read from ${TOKEN}, asked for, or read from stdin, never from an argument`);
  addIssue(group);
  addIntrospect(group);
  addRevoke(group);
  addDecode(group);
}

function addIssue(group: Command): void {
  const command = group
    .command('issue')
    .description('get a token as a client, and print only the token')
    .option(
      '--client-id <client>',
      `the client, by id, or by name if there is an API key (or ${CLIENT_ID}, an id). Its secret is in ${CLIENT_SECRET}, asked for, or on stdin`,
    )
    .option('--key-file <file>', 'authenticate with the private key in this file, PEM or a JWK, instead of a secret')
    .option('--kid <kid>', 'with --key-file: the id of the key; its kid by default, else its thumbprint')
    .option('--scope <scopes>', 'the requested scopes, in quotes; all granted scopes by default')
    .option('--resource <identifier>', 'the resource server that the token is for')
    .option('--claims <json>', 'requested claims, of those that the client may set', jsonObject);
  command.action(async () => {
    const session = new Session(command);
    const { url } = await session.connection(false);
    const { scope, resource, claims } = command.opts<{ scope?: string; resource?: string; claims?: object }>();
    const named = resource !== undefined && !isResourceUri(resource) ? { audience: resource } : { resource };
    const form = { grant_type: 'client_credentials', scope, ...named, claims: claims && JSON.stringify(claims) };
    const client = await namedClient(command, session);
    const { assertion, authorization } = await authenticate(command, session, client, url);
    const answer = await postForm(
      `${url}/oauth2/token`,
      { ...form, ...assertion },
      'access_token',
      authorization,
      session.terminal,
    ).catch(explainRefusal(client));
    if (session.json) return session.terminal.printJson(answer);
    const { access_token, expires_in, scope: granted } = Object(answer);
    session.terminal.print(String(access_token));
    session.terminal.note(`Valid for ${expires_in} seconds, with ${granted ? `the scopes ${granted}` : 'no scope'}.`);
  });
}

function addIntrospect(group: Command): void {
  const command = group
    .command('introspect')
    .description('introspect a token, with the API key or as a client')
    .option('--client-id <client>', `introspect as this client, by name or id, with the secret in ${CLIENT_SECRET}`)
    .option('--scope <scopes>', 'call the token active only if it has all these scopes')
    .option('--exit-code', `exit with ${EXIT_INACTIVE} if the token is not active`)
    .option('--strong', 'see a revocation at once, even if the resource server chose edge');
  command.action(async () => {
    const session = new Session(command);
    const { scope, clientId, strong } = command.opts<{ scope?: string; clientId?: string; strong?: boolean }>();
    const { url, apiKey } = await session.connection(clientId === undefined);
    const client = clientId === undefined ? undefined : await namedClient(command, session);
    const authorization = client
      ? (await authenticate(command, session, client, url)).authorization
      : `Bearer ${apiKey}`;
    const token = await session.terminal.readSecret('Token', TOKEN);
    const form = { token, scope, introspection: strong ? 'strong' : undefined };
    const answer = await postForm(`${url}/oauth2/introspect`, form, 'active', authorization, session.terminal).catch(
      explainRefusal(client),
    );
    session.show(withTimes(session, answer));
    if (command.opts<{ exitCode?: boolean }>().exitCode && Object(answer).active !== true)
      session.terminal.exitCode = EXIT_INACTIVE;
  });
}

function addRevoke(group: Command): void {
  const command = group
    .command('revoke')
    .description('revoke a token, or one whose id is known')
    .option('--jti <id>', 'the `jti` of a token that you do not have')
    .option('--client-id <client>', 'with --jti: the client of the token, by name or id')
    .option(
      '--expires-at <time>',
      'with --jti: when the token expires: RFC 3339, or a duration after now such as 1h',
      futureTime,
    );
  command.action(async () => {
    const session = new Session(command);
    const { jti, clientId, expiresAt } = command.opts<{ jti?: string; clientId?: string; expiresAt?: string }>();
    if ((jti === undefined) !== (clientId === undefined) || (jti === undefined) !== (expiresAt === undefined)) {
      throw new UsageError('--jti, --client-id and --expires-at must be used together.');
    }
    const api = await session.api();
    const client_id = clientId === undefined ? undefined : await session.find('client', clientId);
    const identified = { jti, client_id, expires_at: expiresAt };
    const answer = await api.post(
      'tokens/revoke',
      jti === undefined ? { token: await session.terminal.readSecret('Token', TOKEN) } : identified,
    );
    if (session.json) return session.terminal.printJson(answer.body);
    session.done('Revoked. Strong introspection sees it at once, edge introspection after a minute or more.');
  });
}

function addDecode(group: Command): void {
  const command = group
    .command('decode')
    .description('show the contents of a token without a request; only --verify verifies it')
    .option('--verify', 'verify signature, issuer, type and times with the JWKS of the server')
    .option('--audience <identifier>', 'with --verify: the resource server that the token must be for');
  command.action(async () => {
    const session = new Session(command);
    const { verify, audience } = command.opts<{ verify?: boolean; audience?: string }>();
    if (audience !== undefined && !verify) throw new UsageError('--audience requires --verify.');
    const token = await session.terminal.readSecret('Token', TOKEN);
    const { header, claims } = decodeToken(token);
    const verdict = verify
      ? await verifyToken(token, (await session.connection(false)).url, audience, session.terminal)
      : undefined;
    if (session.json) session.terminal.printJson({ header, claims, verified: verdict?.isValid ?? false });
    else session.terminal.print(`${record(header)}\n${record(Object(withTimes(session, claims)))}`);
    session.terminal.note(verdict?.sentence ?? 'Not verified. Anybody could have written this token.');
    if (verdict && !verdict.isValid) session.terminal.exitCode = EXIT_FAILED;
  });
}

/** Adds a readable time to the claims that are times, unless the output is JSON. */
function withTimes(session: Session, claims: unknown): unknown {
  if (session.json) return claims;
  const entries = Object.entries(Object(claims)).map(([name, value]) => {
    const isTime =
      ['exp', 'iat', 'nbf'].includes(name) && typeof value === 'number' && Math.abs(value) < MAX_SHOWN_TIME;
    return [name, isTime ? `${value} (${relative(value)})` : value];
  });
  return Object.fromEntries(entries);
}

/** Formats a time and its distance from now. @param seconds since the epoch */
function relative(seconds: number): string {
  const difference = Math.round(seconds - Date.now() / 1000);
  const time = new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
  const units = { day: UNITS.d, hour: UNITS.h, minute: UNITS.m, second: UNITS.s } as const;
  for (const [unit, size] of Object.entries(units)) {
    if (Math.abs(difference) < size && unit !== 'second') continue;
    const text = new Intl.RelativeTimeFormat('en').format(Math.trunc(difference / size), unit as keyof typeof units);
    return `${time}, ${text}`;
  }
  return time;
}
