import { expect } from 'vitest';
import type { AuthenticationFailure } from '../../../src/log/reasons.ts';
import { create, send, world } from '../../http.ts';
import { requestLines } from '../../log/lines.ts';
import { ask } from '../../machines.ts';
import { readError, readToken } from '../answers.ts';

// Helpers for clients that authenticate by the certificate of their connection.

let addresses = 0;

/** A new address for each request: so many requests fail that a single address would be held back. */
export function anyAddress(): string {
  addresses++;
  return `198.51.${addresses >> 8}.${addresses & 255}`;
}

/** Returns a function that registers a client and returns its id. */
export async function registry(name: string): Promise<(fields: Record<string, unknown>) => Promise<string>> {
  const { organization, identifier } = await world(name);
  return async (fields) => {
    const { client_id } = await create<{ client_id: string }>('clients', {
      organization_id: organization,
      client_name: crypto.randomUUID(),
      grants: [{ resource_server: identifier, scopes: ['read'] }],
      ...fields,
    });
    return client_id;
  };
}

/** Requests a token with only the `client_id` and what Cloudflare reports about the connection. */
export function askOver(tls: object | undefined, client_id: string, form: Record<string, string> = {}) {
  const connection = { address: anyAddress(), ...(tls && { tls }) };
  return ask({ grant_type: 'client_credentials', client_id, ...form }, connection);
}

export async function expectTaken(tls: object, clientId: string, message?: string): Promise<void> {
  const response = await askOver(tls, clientId);
  expect(response.status, message).toBe(200);
  await readToken(response);
}

/** Expects the answer that every failed authentication gets, and this reason in the log. */
export async function expectRefused(
  tls: object | undefined,
  clientId: string,
  reason: AuthenticationFailure,
  message?: string,
): Promise<void> {
  await expectUnauthenticated(() => askOver(tls, clientId), reason, message);
}

export async function expectUnauthenticated(
  request: () => Promise<Response>,
  reason: AuthenticationFailure,
  message?: string,
): Promise<void> {
  const answers: Response[] = [];
  const lines = await requestLines(async () => answers.push(await request()));
  for (const answer of answers) {
    expect(await readError(answer), message).toEqual({ status: 401, error: 'invalid_client' });
  }
  expect(lines, message).toMatchObject([{ reason }]);
}

/** As `askOver`, with headers that claim a certificate; the connection has none unless `cf` says so. */
export function askWithHeaders(headers: Record<string, string>, client_id: string, cf?: object): Promise<Response> {
  return send('/oauth2/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id }).toString(),
    address: anyAddress(),
    ...(cf && { cf: cf as CfProperties }),
  });
}
