import { clientAddress } from '../client-address.ts';
import { CALLER_AGE } from '../constants.ts';
import { type Administrator, authenticateApiKey } from '../credentials/api-key.ts';
import type { Authentication, Identified, NotAuthenticated, Unavailable } from '../gate/protocol.ts';
import { Memory } from '../memory.ts';
import type { Services } from '../services.ts';
import { type ApiKey, findApiKey } from '../store/api-keys.ts';
import type { AccessTokenClaims } from '../tokens/access-token.ts';
import { authenticateClient } from './client-authentication/index.ts';
import { invalidApiKey, OAuthError } from './errors.ts';
import type { Parameters } from './parameters.ts';

type AuthenticatedClient = Exclude<Authentication, Unavailable | NotAuthenticated>;

/** Who introspects: a client, or the holder of an API key. */
export type Caller = ({ readonly kind: 'client' } & AuthenticatedClient) | Administrator;

/** What was found of introspection callers in the last `CALLER_AGE` seconds, by their credentials' hashes. Only success is remembered. */
export class CallerMemory {
  readonly #clients = new Memory<AuthenticatedClient>();
  readonly #apiKeys = new Memory<ApiKey>();

  client({ client_id, proof }: Identified, ask: () => Promise<Exclude<Authentication, Unavailable>>) {
    const isClient = (found: Awaited<ReturnType<typeof ask>>) => found.outcome === 'authenticated';
    return recall(this.#clients, [client_id, ...proof.hashes], ask, isClient);
  }

  apiKey(hashes: readonly string[], ask: () => Promise<ApiKey | undefined>) {
    return recall(this.#apiKeys, hashes, ask, (found) => found !== undefined);
  }
}

async function recall<T, Found extends T>(
  memory: Memory<Found>,
  credential: readonly string[],
  ask: () => Promise<T>,
  isFound: (answer: T) => answer is T & Found,
): Promise<T> {
  const key = credential.join(' ');
  const known = memory.get(key, Date.now());
  if (known !== undefined) return known;
  const answer = await ask();
  if (isFound(answer)) memory.set(key, answer, Date.now() + CALLER_AGE * 1000);
  return answer;
}

/**
 * Authenticates the caller of the introspection endpoint: a client by its own credentials, or an API key as bearer token
 * ([RFC 7662 section 2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)).
 * @throws OAuthError `invalid_client`, `invalid_token` or `invalid_request`; TooManyAttemptsError; StoreUnavailableError
 */
export async function identifyCaller(services: Services, request: Request, parameters: Parameters): Promise<Caller> {
  const apiKey = bearerToken(request);
  if (apiKey === undefined) {
    const client = await authenticateClient(services, request, parameters, (identified) =>
      services.callers.client(identified, () => services.gates.authenticate(identified)),
    );
    return { kind: 'client', ...client };
  }
  if (parameters.get('client_secret') !== undefined) {
    throw new OAuthError('invalid_request', { description: 'More than one authentication method is used.' });
  }
  const find = (hashes: readonly string[]) => services.callers.apiKey(hashes, () => findApiKey(services.db, hashes));
  const administrator = await authenticateApiKey(services, apiKey, clientAddress(request), Date.now(), find);
  if (!administrator) throw invalidApiKey();
  return administrator;
}

/** Whether the caller may learn about a token: its resource server's client, or its organization's API key. */
export function mayIntrospect(caller: Caller, claims: AccessTokenClaims): boolean {
  switch (caller.kind) {
    case 'client':
      return caller.introspects.includes(claims.aud);
    case 'api_key':
      return caller.organizationId === claims.org_id && caller.scopes.includes('tokens:introspect');
    case 'root':
      return true;
  }
}

function bearerToken(request: Request): string | undefined {
  return /^Bearer +([!-~]+)$/i.exec(request.headers.get('Authorization') ?? '')?.[1];
}
