import type { ApiKeyScope } from '../credentials/api-key-scopes.ts';
import { generateToken, hashesOf } from '../credentials/console-token.ts';
import { candidateHashes, hashSecret } from '../credentials/secret-hash.ts';
import { clientAddress } from '../http/client-address.ts';
import { sessionCookies } from '../http/session-cookie.ts';
import { loggable } from '../log/log.ts';
import { Redacted } from '../log/redacted.ts';
import { addLogDetails } from '../log/trace.ts';
import { ProblemError } from '../management/http/problem.ts';
import type { AccessRights } from '../platform/access.ts';
import { personActor, ROOT } from '../store/actors.ts';
import { endOf, findStoredHash } from '../store/api-keys.ts';
import {
  findLink,
  findSession,
  findStanding,
  insertSession,
  isUnused,
  removeSession,
  type SignIn,
  type StoredSession,
  useLink,
} from '../store/console-sessions.ts';
import { generateId } from '../store/id.ts';
import { StaleWriteError, write } from '../store/write.ts';
import { verifyAssertion } from './access.ts';
import { rightsOf } from './access-rules.ts';
import { judgeSession, type Session } from './authenticate.ts';
import { PORTAL_SESSIONS_PER_ORGANIZATION, ROOT_SESSION_AGE, SESSION_AGE, SESSIONS_PER_ACTOR } from './constants.ts';
import { accessCredential, currentCredentials, rootCredential } from './credentials.ts';
import type { SessionServices } from './services.ts';
import { judgeStanding } from './standing.ts';

/** A session that has just begun. */
export interface NewSession {
  /** The value of the cookie. */
  readonly token: Redacted;
  readonly session: Session;
}

/** What a sign-in presented, after it was checked. */
export interface Accepted {
  readonly signIn: SignIn;
  /** When what was presented stops being accepted, milliseconds since the epoch; null for never. */
  readonly endsAt: number | null;
  /** The link that this uses up. */
  readonly link?: { readonly id: string; readonly hash: string };
}

/** Checks the API key of a sign-in. @param now milliseconds since the epoch @throws ProblemError; StoreUnavailableError */
export async function acceptKey(services: SessionServices, key: Redacted, now: number): Promise<Accepted> {
  const holder = await services.apiKeys.authenticate(key, now);
  if (!holder) throw refusedKey();
  const nobody = { organizationId: null, name: null, scopes: null, returnUrl: null, apiKeyId: null };
  if (holder.kind === 'root') {
    const credential = await rootCredential(services);
    return { signIn: { ...nobody, kind: 'root', actor: ROOT, credential }, endsAt: null };
  }
  const { id, organizationId, expiresAt } = holder;
  // A session is bound to the value that was presented, as it is stored.
  const credential = await findStoredHash(services.db, await candidateHashes(key, await services.acceptedKeys()));
  if (credential === undefined) throw refusedKey();
  const signIn = { ...nobody, kind: 'api_key' as const, actor: id, organizationId, apiKeyId: id, credential };
  return { signIn, endsAt: expiresAt };
}

/**
 * Checks the assertion of Cloudflare Access, and finds the rights that it gives.
 * @param now milliseconds since the epoch
 * @throws ProblemError; RemoteError
 */
export async function acceptPerson(services: SessionServices, request: Request, now: number): Promise<Accepted> {
  const identity = await verifyAssertion(services, request, now);
  const { name, expiresAt } = identity;
  const rights = rightsOf(identity, services.config.access()?.rules ?? []);
  if (!rights) throw new ProblemError('forbidden', { detail: `No rule of ACCESS_RULES gives rights to ${name}.` });
  addLogDetails({ actor: loggable(personActor(name)) });
  const [organizationId, scopes] = storedRights(rights);
  const signIn = {
    kind: 'person' as const,
    actor: personActor(name),
    organizationId,
    name,
    scopes,
    returnUrl: null,
    apiKeyId: null,
    credential: await accessCredential(services),
  };
  return { signIn, endsAt: expiresAt };
}

/** Returns the organization and scopes as a session stores them. */
export function storedRights(rights: AccessRights): [string | null, ApiKeyScope[] | null] {
  return rights.organizationId === null ? [null, null] : [rights.organizationId, [...rights.scopes]];
}

/** Checks the one-time link of a sign-in. @param now milliseconds since the epoch @throws ProblemError; StoreUnavailableError */
export async function acceptLink(services: SessionServices, token: Redacted, now: number): Promise<Accepted> {
  const hashes = await hashesOf(token, 'eml_', await services.acceptedKeys());
  const found = hashes && (await findLink(services.db, hashes));
  if (!found) throw refusedLink('The link is not valid. Make a new one.');
  if (found.usedAt !== null) throw refusedLink(USED);
  const standing = judgeStanding(found, await currentCredentials(services), now);
  if ('ended' in standing) throw refusedLink(`The link is not valid any more: ${standing.ended}. Make a new one.`);
  addLogDetails({ actor: loggable(found.actor) });
  const { kind, actor, organizationId, name, scopes, returnUrl, apiKeyId, apiKey, credential, id, hash } = found;
  const signIn = { kind, actor, organizationId, name, scopes, returnUrl, apiKeyId, credential };
  const endsAt = apiKey ? endOf(apiKey, apiKey.hash === credential ? 'primary' : 'secondary') : null;
  return { signIn, endsAt, link: { id, hash } };
}

const USED =
  'The link was used before, and works once. If it was not you who used it, tell who gave it to you. Make a new one.';

/**
 * Begins a session, uses up its link and ends the session that the browser had, in one transaction.
 * @param now milliseconds since the epoch
 * @throws ProblemError `unauthorized` if what was presented has ended, or the link was used at the same time; StoreUnavailableError
 */
export async function beginSession(
  services: SessionServices,
  request: Request,
  { signIn, endsAt, link }: Accepted,
  now: number,
): Promise<NewSession> {
  const { db } = services;
  const masterKeys = await services.masterKeys();
  const token = await generateToken('emo_', masterKeys);
  const age = signIn.kind === 'root' ? ROOT_SESSION_AGE : SESSION_AGE;
  const { kind, actor, organizationId } = signIn;
  const isPortal = kind === 'portal';
  const stored: StoredSession = {
    ...signIn,
    id: generateId('ses'),
    hash: await hashSecret(token, masterKeys),
    holder: isPortal ? `portal of ${organizationId}` : actor,
    createdAt: now,
    expiresAt: Math.min(now + age * 1000, endsAt ?? Number.POSITIVE_INFINITY),
  };
  // Before the write: after it nothing may fail, because the link is used up and the session of before has ended.
  const found = { ...stored, ...(await findStanding(db, stored)) };
  const session = judgeSession(found, await currentCredentials(services), now);
  if ('ended' in session) throw new ProblemError('unauthorized', { detail: `No session can begin: ${session.ended}.` });
  const previous = await previousHashes(services, request);
  const replaced = previous.length > 0 ? await findSession(db, previous) : undefined;
  const atMost = isPortal ? PORTAL_SESSIONS_PER_ORGANIZATION : SESSIONS_PER_ACTOR;
  const event = {
    at: now,
    organizationId,
    actor,
    action: 'session.created' as const,
    target: stored.id,
    address: clientAddress(request),
    changes: {
      kind,
      link: link?.id ?? null,
      expires_at: new Date(stored.expiresAt).toISOString(),
      ...(replaced && { replaces: replaced.id }),
    },
  };
  const statements = [
    ...(link ? [useLink(db, link.hash, now)] : []),
    ...(replaced ? [removeSession(db, previous)] : []),
    ...insertSession(db, stored, atMost),
  ];
  try {
    const { webhooks } = await write(db, { event, guard: link && isUnused(db, link.hash, now), statements });
    services.webhooks.sendSoon(webhooks);
  } catch (error) {
    if (error instanceof StaleWriteError) throw refusedLink(USED);
    throw error;
  }
  return { token, session };
}

/** Returns the hashes of the session that the browser had before. */
async function previousHashes(services: SessionServices, request: Request): Promise<readonly string[]> {
  const keys = await services.acceptedKeys();
  const all = await Promise.all(
    sessionCookies(request)
      .slice(0, 2)
      .map((cookie) => hashesOf(new Redacted(cookie), 'emo_', keys)),
  );
  return all.flatMap((one) => one ?? []);
}

function refusedKey(): ProblemError {
  return new ProblemError('unauthorized', { detail: 'The API key is not valid.' });
}

function refusedLink(detail: string): ProblemError {
  return new ProblemError('unauthorized', { detail });
}
