import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { generateClientId } from '../../src/credentials/client-id.ts';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { readConfig } from '../../src/platform/config.ts';
import { requestToken, world } from '../http.ts';
import { alarmOf, tablesOf } from './gate.ts';

test('an id that could be ours and is nobody’s leaves nothing in a gate’s storage, nor in D1', async () => {
  const { worker } = await world('somebody');
  const client_id = await generateClientId(await deriveMasterKeys(readConfig(env).masterKeys));
  expect((await requestToken({ client_id, client_secret: generateSecret('ems_') })).status).toBe(401);
  const gates = await env.DB.prepare('SELECT COUNT(*) AS count FROM gates').first('count');
  expect(gates).toBe(0);
  expect(await tablesOf({ client_id })).toEqual([]);
  expect(await alarmOf({ client_id })).toBeNull();

  await requestToken(worker);
  expect(await tablesOf(worker)).toContain('record');
  expect(await env.DB.prepare('SELECT client_id FROM gates').first('client_id')).toBe(worker.client_id);
});
