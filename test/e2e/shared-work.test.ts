import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JSONWebKeySet } from 'jose';
import { afterEach, expect, test } from 'vitest';
import { measure } from '../bench/load.ts';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { type RegisteredClient, register } from '../interop/management.ts';

// In the runtime what one request waits for belongs to that request. Here requests share what others began, or hung up on.

let edgemint: RunningEdgemint;

afterEach(() => edgemint?.stop());

/** Sends a request and hangs up on it after a while, whether it was answered or not. */
async function abandon(path: string, form: Record<string, string> | undefined, after: number): Promise<void> {
  const options = form
    ? { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }
    : { method: 'GET' };
  const abandoned = request(`${edgemint.issuer}${path}`, options);
  abandoned.on('error', () => undefined);
  abandoned.on('response', (response) => response.resume());
  abandoned.end(form && new URLSearchParams(form).toString());
  await sleep(after);
  abandoned.destroy();
}

function postForm(path: string, form: Record<string, string>): Promise<Response> {
  const signal = AbortSignal.timeout(20_000);
  return fetch(`${edgemint.issuer}${path}`, { method: 'POST', body: new URLSearchParams(form), signal });
}

function credentials({ client_id, client_secret }: RegisteredClient) {
  return { client_id, client_secret };
}

test('who shares the making of the first keys gets them, though the request that began it hung up', async () => {
  edgemint = await startEdgemint();
  const first = abandon('/.well-known/jwks.json', undefined, 30);
  await sleep(20);
  const others = Array.from({ length: 10 }, () => fetch(`${edgemint.issuer}/.well-known/jwks.json`));
  await first;
  for (const answer of await Promise.all(others)) {
    expect(((await answer.json()) as JSONWebKeySet).keys).toHaveLength(6);
  }
});

test('introspections that share a gate call are answered, though hundreds of others hang up', async () => {
  edgemint = await startEdgemint();
  const { machine, api } = await register(edgemint);
  const granted = await postForm('/oauth2/token', { grant_type: 'client_credentials', ...credentials(machine) });
  const { access_token: token } = (await granted.json()) as { access_token: string };
  for (let round = 0; round < 10; round++) {
    const leaving = Array.from({ length: 40 }, (_, index) =>
      abandon('/oauth2/introspect', { token, ...credentials(api) }, (index * 7 + round) % 20),
    );
    const staying = Array.from({ length: 10 }, () => postForm('/oauth2/introspect', { token, ...credentials(api) }));
    for (const answer of await Promise.all(staying)) expect(await answer.json()).toMatchObject({ active: true });
    await Promise.all(leaving);
  }
});

test('kept-alive connections that introspect about one client without pause are all answered', async () => {
  edgemint = await startEdgemint();
  const { machine, api } = await register(edgemint);
  const granted = await postForm('/oauth2/token', { grant_type: 'client_credentials', ...credentials(machine) });
  const { access_token: token } = (await granted.json()) as { access_token: string };
  const target = { url: `${edgemint.issuer}/oauth2/introspect`, headers: {}, form: { token, ...credentials(api) } };
  const { errors, requestsPerSecond } = await measure(target, 32, 3);
  expect(errors).toBe(0);
  expect(requestsPerSecond).toBeGreaterThan(0);
});
