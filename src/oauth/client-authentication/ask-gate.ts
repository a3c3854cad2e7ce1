import type { Authentication, Identified, NotAuthenticated, Unavailable } from '../../gates/protocol.ts';
import type { AuthenticationServices } from '../services.ts';
import type { GateAnswer, Intent } from './intent.ts';

type GateAccess = Pick<AuthenticationServices, 'gates' | 'callers'>;

/**
 * Calls the client's gate: it checks the client's proof and does what the request wants, in one call.
 * @throws StoreUnavailableError
 */
export function askGate<I extends Intent>(
  services: GateAccess,
  client: Identified,
  intent: I,
): Promise<GateAnswer<I> | NotAuthenticated>;
export function askGate(
  services: GateAccess,
  client: Identified,
  intent: Intent,
): Promise<GateAnswer<Intent> | NotAuthenticated> {
  const { gates } = services;
  switch (intent.kind) {
    case 'admit':
      return gates.admit({ ...client, ...intent.grant, ...intent.binding });
    case 'revoke': {
      const { client_id, jti, exp, aud } = intent.token;
      // Another client's token is left as it is.
      return client_id === client.client_id
        ? gates.revoke({ ...client, jti, expires_at: exp, audience: aud })
        : gates.authenticate(client);
    }
    case 'authenticate':
      return gates.authenticate(client);
    case 'introspect': {
      const { client_id, proof } = client;
      // A key's proof is never cached: an assertion is used once, and a certificate costs as much to recognize as to check.
      return proof.kind === 'key'
        ? gates.authenticate(client)
        : authenticateCaller(services, client, [client_id, ...proof.hashes]);
    }
  }
}

/**
 * Authenticates an introspection caller by its secret, unless the same secret passed in the last `CALLER_AGE` seconds, and its client has
 * not expired since.
 */
async function authenticateCaller(
  { gates, callers }: GateAccess,
  client: Identified,
  cacheKey: readonly string[],
): Promise<Exclude<Authentication, Unavailable>> {
  const cached = callers.clients.get(cacheKey);
  if (cached) return cached;
  // Taken before the call, so that its duration does not lengthen what the gate permits.
  const askedAt = Date.now();
  const answer = await gates.authenticate(client);
  if (answer.outcome === 'authenticated') {
    const { valid_for_ms = Number.POSITIVE_INFINITY } = answer;
    callers.clients.set(cacheKey, answer, askedAt + valid_for_ms);
  }
  return answer;
}
