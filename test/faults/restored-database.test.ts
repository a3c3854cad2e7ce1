import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { resyncStatements } from '../../src/cli/edgemint/backup/resync.ts';
import { done, getToken, introspect, requestToken, world } from '../http.ts';
import { owedTo, runScheduled } from './owed.ts';

test('after the database was taken back, the statements of gates resync bring the gates to what it says, and revoke every token', async () => {
  const { worker, api, organization } = await world('restored');
  const { access_token: early } = await getToken(worker);
  const version = await env.DB.prepare('SELECT value FROM version_sequence').first<number>('value');
  await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
  expect((await requestToken(worker)).status).toBe(401);

  // Undo the change, like a restore of the database to a time before it.
  await env.DB.batch([
    env.DB.prepare("UPDATE clients SET status = 'active', version = ?1 WHERE client_id = ?2").bind(
      version,
      worker.client_id,
    ),
    env.DB.prepare('DELETE FROM audit_events WHERE version > ?').bind(version),
    env.DB.prepare('UPDATE version_sequence SET value = ?').bind(version),
  ]);
  await runScheduled();
  expect((await requestToken(worker)).status).toBe(401);

  const statements = resyncStatements({ revokesTokens: true });
  await env.DB.batch(statements.map((statement) => env.DB.prepare(statement)));
  await runScheduled();
  expect(await owedTo()).toBe(0);
  const { access_token: late } = await getToken(worker);
  expect(await (await introspect(api, early)).json()).toEqual({ active: false });
  expect(await (await introspect(api, late)).json()).toMatchObject({ active: true });
  await done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } });
  expect((await requestToken(worker)).status).toBe(401);
});
