import { env } from 'cloudflare:workers';
import { afterEach, expect, test, vi } from 'vitest';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { hashSecret } from '../../src/credentials/secret-hash.ts';
import { Redacted } from '../../src/log/redacted.ts';
import { readConfig } from '../../src/platform/config.ts';
import { requestToken, world } from '../http.ts';

const NOW = new Date('2027-03-01T00:00:00Z');

afterEach(() => {
  vi.useRealTimers();
});

/** Adds a secondary secret to a client. */
async function addSecondary(clientId: string, expiresAt: number | null): Promise<string> {
  const secret = generateSecret('ems_');
  const hash = await hashSecret(new Redacted(secret), await deriveMasterKeys(readConfig(env).masterKeys));
  await env.DB.prepare(
    "INSERT INTO client_secrets (id, client_id, rank, hash, hint, created_at, expires_at) VALUES (?, ?, 'secondary', ?, '', 0, ?)",
  )
    .bind(`sec_${clientId}`, clientId, hash, expiresAt)
    .run();
  return secret;
}

test('a client is known by its primary and by its secondary secret', async () => {
  const { worker } = await world('two-secrets');
  const secondary = await addSecondary(worker.client_id, null);
  expect((await requestToken(worker)).status).toBe(200);
  expect((await requestToken({ ...worker, client_secret: secondary })).status).toBe(200);
});

test('a secret that has expired is refused from that moment on, and the other goes on', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  const { worker } = await world('expiring-secret');
  const secondary = await addSecondary(worker.client_id, NOW.getTime() + 60_000);
  expect((await requestToken({ ...worker, client_secret: secondary })).status).toBe(200);
  vi.setSystemTime(NOW.getTime() + 59_999);
  expect((await requestToken({ ...worker, client_secret: secondary })).status).toBe(200);
  vi.setSystemTime(NOW.getTime() + 60_000);
  expect((await requestToken({ ...worker, client_secret: secondary })).status).toBe(401);
  expect((await requestToken(worker)).status).toBe(200);
});
