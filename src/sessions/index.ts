import { clientAddress } from '../http/client-address.ts';
import { createResponse } from '../http/create-response.ts';
import { SESSION_COOKIE } from '../http/session-cookie.ts';
import { areEqualJson } from '../lib/equal-json.ts';
import { actorOf } from '../management/http/authorization.ts';
import { ProblemError, problemResponse } from '../management/http/problem.ts';
import type { AccessRule } from '../platform/access.ts';
import { removeSession } from '../store/console-sessions.ts';
import { write } from '../store/write.ts';
import { ASSERTION_HEADER, verifyAssertion } from './access.ts';
import { type AccessIdentity, rightsOf } from './access-rules.ts';
import { authenticateSession, type Session } from './authenticate.ts';
import { type Credential, readCredential } from './credential.ts';
import { toResponse } from './representation.ts';
import { requireSameOrigin } from './same-origin.ts';
import type { SessionServices } from './services.ts';
import { type Accepted, acceptKey, acceptLink, acceptPerson, beginSession, storedRights } from './sign-in.ts';

export { authenticateSession } from './authenticate.ts';
export { entrance } from './entrance.ts';
export { consoleAsset, consolePage } from './pages.ts';

const HEADERS = { 'Cache-Control': 'no-store, no-transform', 'Content-Type': 'application/json' };

/** Answers a request to the session of the console: signs in, shows the session, or signs out. */
export async function consoleSession(services: SessionServices, request: Request): Promise<Response> {
  try {
    if (request.method === 'POST') return await signIn(services, request, Date.now());
    if (request.method === 'DELETE') return await signOut(services, request, Date.now());
    const session = await showSession(services, request, Date.now());
    return createResponse(JSON.stringify(toResponse(session)), 200, HEADERS);
  } catch (error) {
    return problemResponse(error);
  }
}

/** Returns the session of the cookie. Ends it if Cloudflare Access now names somebody else, or gives other rights. */
async function showSession(services: SessionServices, request: Request, now: number): Promise<Session> {
  const access = request.headers.has(ASSERTION_HEADER) && services.config.access() !== undefined;
  try {
    const session = await authenticateSession(services, request, now);
    if (!access || session.administrator.kind !== 'person') return session;
    // The session began with an assertion that was verified. One that cannot be verified now says nothing about it.
    const identity = await verifyAssertion(services, request, now).catch(() => undefined);
    const change = identity && changeOf(session.found, identity, services.config.access()?.rules ?? []);
    if (change === undefined) return session;
    await endSession(services, request, session, now);
    throw new ProblemError('unauthorized', { detail: change });
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'unauthorized' || !access) throw error;
    throw new ProblemError('unauthorized', { ...error.details, access });
  }
}

/** Returns what has changed since a person's session began; undefined if nothing has. */
function changeOf(found: Session['found'], identity: AccessIdentity, rules: readonly AccessRule[]): string | undefined {
  if (identity.name !== found.name) return 'Somebody else has signed in to Cloudflare Access.';
  const rights = rightsOf(identity, rules);
  const isSame = rights && areEqualJson(storedRights(rights), [found.organizationId, found.scopes]);
  return isSame ? undefined : 'The rights that Cloudflare Access gives have changed. Sign in again.';
}

async function signIn(services: SessionServices, request: Request, now: number): Promise<Response> {
  requireSameOrigin(request, new URL(services.config.issuer).origin);
  const accepted = await accept(services, request, await readCredential(request), now);
  const { token, session } = await beginSession(services, request, accepted, now);
  const maxAge = Math.max(1, Math.floor((session.found.expiresAt - now) / 1000));
  const cookie = { 'Set-Cookie': cookieOf(token.reveal(), maxAge) };
  return createResponse(JSON.stringify(toResponse(session)), 201, HEADERS, cookie);
}

async function accept(
  services: SessionServices,
  request: Request,
  credential: Credential,
  now: number,
): Promise<Accepted> {
  try {
    if (credential.kind === 'api_key') return await acceptKey(services, credential.value, now);
    if (credential.kind === 'link') return await acceptLink(services, credential.value, now);
    return await acceptPerson(services, request, now);
  } catch (error) {
    // Only failures are counted and held back: nobody can keep the holder of a right key out.
    const isWrong = error instanceof ProblemError && error.code === 'unauthorized';
    if (isWrong) services.signIns.refuseImpossible(clientAddress(request));
    throw error;
  }
}

/** Ends the session. The cookie is removed even if the session has ended before. */
async function signOut(services: SessionServices, request: Request, now: number): Promise<Response> {
  requireSameOrigin(request, new URL(services.config.issuer).origin);
  const session = await authenticateSession(services, request, now).catch((error: unknown) => {
    if (error instanceof ProblemError && error.code === 'unauthorized') return undefined;
    throw error;
  });
  if (session) await endSession(services, request, session, now);
  const removed = { 'Cache-Control': HEADERS['Cache-Control'], 'Set-Cookie': cookieOf('', 0) };
  return createResponse(null, 204, removed);
}

async function endSession(
  services: SessionServices,
  request: Request,
  { found, administrator }: Session,
  now: number,
): Promise<void> {
  const { hash, id, organizationId } = found;
  const { webhooks } = await write(services.db, {
    event: {
      at: now,
      organizationId,
      actor: actorOf(administrator),
      action: 'session.ended',
      target: id,
      address: clientAddress(request),
      changes: {},
    },
    statements: [removeSession(services.db, [hash])],
  });
  services.webhooks.sendSoon(webhooks);
}

function cookieOf(value: string, maxAge: number): string {
  return `${SESSION_COOKIE}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=Strict`;
}
