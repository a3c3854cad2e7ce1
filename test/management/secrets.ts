import { api, type Credentials, done, requestToken, type TokenAnswer } from '../http.ts';

/** A secret in the form that the management API returns. */
export interface Secret {
  readonly id: string;
  readonly rank: 'primary' | 'secondary';
  readonly hint: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly leaked_at: string | null;
  readonly last_used_at: string | null;
  readonly safe_to_delete: boolean;
  readonly reason: string;
}

export interface Rotated extends Secret {
  readonly client_id: string;
  readonly client_secret: string;
}

const path = ({ client_id }: Credentials) => `clients/${encodeURIComponent(client_id)}/secrets`;

/** Returns a client's secrets, the primary one first. */
export async function secretsOf(client: Credentials): Promise<Secret[]> {
  return (await done<{ data: Secret[] }>('GET', path(client))).data;
}

/** Rotates a client's secret, which must succeed. @returns the client with its new secret, and the answer */
export async function rotated(client: Credentials, body?: object): Promise<{ client: Credentials; answer: Rotated }> {
  const answer = await done<Rotated>('POST', `${path(client)}/rotate`, body ? { body } : {});
  return { client: { ...client, client_secret: answer.client_secret }, answer };
}

export const rotate = (client: Credentials, body?: object) =>
  api('POST', `${path(client)}/rotate`, body ? { body } : {});
export const promote = (client: Credentials, id: string) => api('POST', `${path(client)}/${id}/promote`);
export const removeSecret = (client: Credentials, id: string) => api('DELETE', `${path(client)}/${id}`);

/** Returns the status of a client's token request. */
export async function tokenStatus(client: Credentials): Promise<number> {
  const response = await requestToken(client);
  await response.json<TokenAnswer>();
  return response.status;
}

export interface AuditEvent {
  readonly at: string;
  readonly organization_id: string | null;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly address: string | null;
  readonly changes: Record<string, unknown>;
}

/** Returns the audit events of a target, the newest first, up to 100. */
export async function eventsAbout(target: string, action: string): Promise<AuditEvent[]> {
  const query = new URLSearchParams({ target, action, limit: '100' });
  return (await done<{ data: AuditEvent[] }>('GET', `audit-events?${query}`)).data;
}
