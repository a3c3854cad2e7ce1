import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import { type Credentials, introspect, postForm, revoke } from '../http.ts';

/** The whole answer about a token that is not active, byte for byte. */
export const INACTIVE = '{"active":false}';

/** Introspects with the root key, which may learn about every token. */
export function introspectAsRoot(token: string, form: Record<string, string> = {}): Promise<Response> {
  const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}` };
  return postForm('/oauth2/introspect', { token, ...form }, { headers });
}

export async function isActive(caller: Credentials | 'root', token: string): Promise<boolean> {
  const response = caller === 'root' ? await introspectAsRoot(token) : await introspect(caller, token);
  expect(response.status).toBe(200);
  return (await response.json<{ active: boolean }>()).active;
}

/**
 * Expects that no endpoint accepts a text as a token: introspection calls it inactive, and its revocation has no effect, although it names
 * the genuine token by its `jti`.
 */
export async function expectRefused(forged: string, genuine: { token: string; client: Credentials }): Promise<void> {
  const introspected = await introspectAsRoot(forged);
  expect([introspected.status, await introspected.text()]).toEqual([200, INACTIVE]);
  const revoked = await revoke(genuine.client, forged);
  expect([revoked.status, await revoked.text()]).toEqual([200, '{}']);
  expect(await isActive('root', genuine.token)).toBe(true);
}
