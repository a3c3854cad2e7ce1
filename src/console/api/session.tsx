import { createContext, useContext } from 'react';
import { CONSOLE_URL } from './address.ts';
import { ApiError, problemOf } from './problem.ts';
import type { Schema } from './types.ts';

export type ApiKeyScope = Schema<'Me'>['scopes'][number];

/** Who is signed in, and what they may do. The server decides the same for each request; this only hides what it would refuse. */
export interface Session {
  /** The id of the session itself. */
  readonly id: string;
  readonly kind: 'root' | 'api_key' | 'person' | 'portal';
  /** The name of the key or person. */
  readonly name: string | null;
  /** The organization that the session is limited to. Null for the whole instance. */
  readonly organization: { readonly id: string; readonly name: string } | null;
  readonly scopes: readonly string[];
  readonly expires_at: string;
  readonly isInstanceAdmin: boolean;
  /** Where a portal session returns to. */
  readonly returnUrl?: string | undefined;
}

/** The session as the server represents it. */
interface SessionAnswer {
  readonly id: string;
  readonly kind: Session['kind'];
  readonly name: string | null;
  readonly organization: Session['organization'];
  readonly scopes: readonly string[];
  readonly expires_at: string;
  readonly is_instance_admin?: boolean;
  readonly isInstanceAdmin?: boolean;
  readonly return_url?: string | null;
  readonly returnUrl?: string | null;
}

const ENDPOINT = new URL('session', CONSOLE_URL);

async function askFor(init: RequestInit): Promise<Response> {
  const response = await fetch(ENDPOINT, { credentials: 'same-origin', ...init });
  if (!response.ok) throw new ApiError(problemOf(response, await response.json().catch(() => undefined)));
  return response;
}

// What the server said when it was last asked for a session that there is not.
let isBehindAccess: boolean | undefined;

/** Whether the page came through Cloudflare Access, so that a person can sign in by it. Undefined until `readSession()` found no session. */
export function canSignInByAccess(): boolean | undefined {
  return isBehindAccess;
}

/** Returns the session of the cookie. Undefined if there is none. */
export async function readSession(): Promise<Session | undefined> {
  try {
    return toSession(await (await askFor({ method: 'GET' })).json());
  } catch (error) {
    if (!(error instanceof ApiError) || error.problem.status !== 401) throw error;
    isBehindAccess = error.problem.access === true;
    return undefined;
  }
}

type Credential = { readonly api_key: string } | { readonly link: string } | { readonly access: true };

/** Exchanges an API key, a one-time link or the assertion of Cloudflare Access for a session. @throws ApiError */
export async function signIn(credential: Credential): Promise<Session> {
  const response = await askFor({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(credential),
  });
  return toSession(await response.json());
}

/** Ends the session, here and on the server. */
export async function signOut(): Promise<void> {
  await askFor({ method: 'DELETE' });
}

function toSession(answer: SessionAnswer): Session {
  const { id, kind, name, organization, scopes, expires_at } = answer;
  const returnUrl = answer.return_url ?? answer.returnUrl ?? undefined;
  const isInstanceAdmin = answer.is_instance_admin ?? answer.isInstanceAdmin ?? organization === null;
  return { id, kind, name, organization, scopes, expires_at, isInstanceAdmin, returnUrl };
}

export const SessionContext = createContext<Session | null>(null);

/** Returns the session. Every page has one. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('There is no session.');
  return session;
}

/** Whether the session may use calls that require this scope. `root` stands for calls that only the root key may make. */
export function useCan(scope: ApiKeyScope | 'root'): boolean {
  return can(useSession(), scope);
}

/** Like `useCan`, for a session at hand. */
export function can(session: Session, scope: ApiKeyScope | 'root'): boolean {
  if (session.isInstanceAdmin) return true;
  return scope !== 'root' && session.scopes.includes(scope);
}
