import type { Administrator } from '../credentials/administrator.ts';
import { hashesOf } from '../credentials/console-token.ts';
import { sessionCookies } from '../http/session-cookie.ts';
import { loggable } from '../log/log.ts';
import { Redacted } from '../log/redacted.ts';
import { addLogDetails } from '../log/trace.ts';
import { actorOf } from '../management/http/authorization.ts';
import { ProblemError } from '../management/http/problem.ts';
import { type FoundSession, findSession } from '../store/console-sessions.ts';
import { currentCredentials } from './credentials.ts';
import { requireSameOrigin } from './same-origin.ts';
import type { SessionServices } from './services.ts';
import { type Ended, judgeStanding } from './standing.ts';

type Services = Pick<SessionServices, 'acceptedKeys' | 'config' | 'db'>;

/** A session that counts, and its actor. */
export interface Session {
  readonly found: FoundSession;
  readonly administrator: Administrator;
}

/**
 * Finds the session of a request's cookie.
 * @param now milliseconds since the epoch
 * @throws ProblemError `forbidden` if another site may have sent the request, `unauthorized` if there is no session; StoreUnavailableError
 */
export async function authenticateSession(services: Services, request: Request, now: number): Promise<Session> {
  const { config } = services;
  if (!config.hasConsole) throw refusal('The console is switched off. Use an API key.');
  const [cookie, ...others] = sessionCookies(request);
  if (cookie === undefined) throw refusal('There is no session. Sign in to the console, or use an API key.');
  requireSameOrigin(request, new URL(config.issuer).origin);
  if (others.length > 0) throw refusal('The request has two session cookies. Delete the cookies of this host.');
  const hashes = await hashesOf(new Redacted(cookie), 'emo_', await services.acceptedKeys());
  const session = await readSession(services, hashes ?? [], now);
  addLogDetails({ actor: loggable(actorOf(session.administrator)) });
  return session;
}

async function readSession(services: Services, hashes: readonly string[], now: number): Promise<Session> {
  const found = hashes.length > 0 ? await findSession(services.db, hashes) : undefined;
  if (!found) throw refusal('The session has ended. Sign in again.');
  const session = judgeSession(found, await currentCredentials(services), now);
  if ('ended' in session) throw refusal(`The session has ended: ${session.ended}. Sign in again.`);
  return session;
}

/**
 * Returns the session with the rights that it has now, or why it does not count.
 * @param credentials the keyed hashes of the root key and of the rules of Cloudflare Access, as they are configured now
 * @param now milliseconds since the epoch
 */
export function judgeSession(
  found: FoundSession,
  credentials: readonly string[],
  now: number,
): Session | { readonly ended: Ended } {
  const standing = judgeStanding(found, credentials, now);
  if ('ended' in standing) return standing;
  const { id, expiresAt, apiKeyId, credential } = found;
  return { found, administrator: { ...standing, session: { id, expiresAt, apiKeyId, credential } } };
}

function refusal(detail: string): ProblemError {
  return new ProblemError('unauthorized', { detail });
}
