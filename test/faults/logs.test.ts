import { env } from 'cloudflare:workers';
import { afterEach, expect, test, vi } from 'vitest';
import { create, getToken, introspect, manage, requestToken, revoke, world } from '../http.ts';
import { failing, startNewIsolate } from '../instruments.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test('no secret, hash, key or token reaches a log or an answer, though stores fail with all of them in their messages', async () => {
  const { worker, api, organization } = await world('discreet');
  const key = await create('api-keys', { organization_id: organization, name: 'discreet', scopes: ['clients:write'] });
  const { access_token } = await getToken(worker);
  const hash = String(await env.DB.prepare('SELECT hash FROM client_secrets').first('hash'));
  const secrets = [worker.client_secret, api.client_secret, key.api_key ?? '', access_token, hash, env.ROOT_API_KEY];
  const message = `Failed query: params: ${secrets.join()}`;

  const logged: unknown[] = [];
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => void logged.push(args));
  }
  const answers: Response[] = [];
  for (const store of ['d1', 'kv', 'gate'] as const) {
    startNewIsolate();
    await failing(
      store,
      async () => {
        answers.push(
          await requestToken(worker),
          await introspect(api, access_token),
          await revoke(worker, access_token),
        );
        answers.push(
          await manage('clients', { client_name: store }, key.api_key),
          await manage('clients', { claims: key }),
        );
      },
      message,
    );
  }
  answers.push(await requestToken({ ...worker, client_secret: api.client_secret }));

  expect(logged.length).toBeGreaterThan(3);
  const told = JSON.stringify(logged) + (await Promise.all(answers.map((answer) => answer.text()))).join();
  for (const secret of secrets) expect(told).not.toContain(secret);
});
