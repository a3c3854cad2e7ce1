import { ISSUER_URL } from '../../api/address.ts';
import { call } from '../../api/call.ts';

/** The answer of an OAuth endpoint. */
export interface OAuthAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the client authenticates with. It stays in the memory of the page. */
export type Credential =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'assertion'; readonly assertion: string };

/** Asks for a token as the client. */
export function requestToken(
  clientId: string,
  credential: Credential,
  parameters: Readonly<Record<string, string>>,
): Promise<OAuthAnswer> {
  return post('token', { grant_type: 'client_credentials', ...parameters, ...authentication(clientId, credential) });
}

/** Revokes a token of the client, as the client itself ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)). */
export function revokeOwnToken(clientId: string, secret: string, token: string): Promise<OAuthAnswer> {
  return post('revoke', { token, ...authentication(clientId, { kind: 'secret', secret }) });
}

/** Revokes a token with the rights of the session. It appears in the audit log. @throws ApiError */
export async function revokeToken(token: string): Promise<void> {
  await call({ method: 'post', path: '/v1/tokens/revoke', body: { token } });
}

/** Introspects a token with the rights of the session: the service asks the judge of the client, not a copy. */
export function introspectToken(token: string): Promise<OAuthAnswer> {
  return post('introspect', { token, introspection: 'strong' }, 'same-origin');
}

function authentication(clientId: string, credential: Credential): Record<string, string> {
  // In the body, not in the header: there it needs no encoding, and both methods with a secret accept it.
  if (credential.kind === 'secret') return { client_id: clientId, client_secret: credential.secret };
  return {
    client_id: clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: credential.assertion,
  };
}

// Without the session's cookie, so that a token request is exactly what the machine sends.
async function post(
  endpoint: string,
  form: Readonly<Record<string, string>>,
  credentials: RequestCredentials = 'omit',
): Promise<OAuthAnswer> {
  const body = new URLSearchParams(form);
  const response = await fetch(`${ISSUER_URL}/oauth2/${endpoint}`, {
    method: 'POST',
    body,
    credentials,
    cache: 'no-store',
  });
  const answer: unknown = await response.json().catch(() => ({}));
  return { status: response.status, body: (answer ?? {}) as Record<string, unknown> };
}
