import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { base64url, createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { FEED_LAG_MS } from '../../src/oauth/constants.ts';
import {
  type Credentials,
  create,
  createClient,
  done,
  getToken,
  ISSUER,
  introspect,
  manage,
  revoke,
  send,
  world,
} from '../http.ts';
import { startNewIsolate } from '../instruments.ts';

const PATH = '/oauth2/revocations';
const ALL_AUDIENCES = '';

interface Page {
  iss: string;
  aud: string;
  iat: number;
  audience: string;
  as_of: number;
  since: number;
  version: number;
  more: boolean;
  tokens: [hash: string, expiresAt: number, client?: string][];
  clients: [hash: string, cutOff: number | null, isDisabled: 0 | 1, expiresAt: number][];
  tokens_from?: number;
}

function ask(audience: string, since?: number, init: RequestInit = {}): Promise<Response> {
  const query = new URLSearchParams({ audience, ...(since !== undefined && { since: String(since) }) });
  return send(`${PATH}?${query}`, init);
}

/** Reads a page in a new isolate, so that no copy of an older test is used. */
async function read(audience: string, since?: number): Promise<Page> {
  startNewIsolate();
  const answer = await ask(audience, since);
  expect(answer.status).toBe(200);
  return decodeJwt<Page>(await answer.text());
}

async function hashOf(id: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(id)));
  return base64url.encode(digest.slice(0, 16));
}

/** Lets the client's gate deliver what it owes. */
async function deliver({ client_id }: Pick<Credentials, 'client_id'>): Promise<void> {
  while (await runDurableObjectAlarm(env.CLIENT_GATE.getByName(client_id))) {
    const gate = env.CLIENT_GATE.getByName(client_id);
    void gate;
    break;
  }
}

test('a client’s own revocation is in the feed of the token’s audience, signed', async () => {
  const { worker, identifier } = await world('feed-own');
  const { access_token } = await getToken(worker);
  await revoke(worker, access_token);
  await deliver(worker);
  const before = Math.floor(Date.now() / 1000);
  startNewIsolate();
  const answer = await ask(identifier);
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()} `);
  expect(answer.headers.get('Content-Type')).toBe('application/jwt');
  expect(answer.headers.get('Cache-Control')).toBe('public, max-age=5');
  const jwt = await answer.text();
  const keys = await (await send('/.well-known/jwks.json')).json<JSONWebKeySet>();
  const { payload, protectedHeader } = await jwtVerify<Page>(jwt, createLocalJWKSet(keys), {
    issuer: ISSUER,
    audience: `${ISSUER}${PATH}`,
    typ: 'revocations+jwt',
  });
  const { jti, exp } = decodeJwt(access_token);
  expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'revocations+jwt', kid: expect.any(String) });
  expect(payload).toEqual({
    iss: ISSUER,
    aud: `${ISSUER}${PATH}`,
    iat: expect.any(Number),
    audience: identifier,
    as_of: expect.any(Number),
    since: 0,
    version: expect.any(Number),
    more: false,
    tokens: [[await hashOf(String(jti)), exp]],
    clients: [],
  });
  expect(payload.as_of).toBeGreaterThanOrEqual(before - FEED_LAG_MS / 1000 - 1);
  expect(payload.as_of).toBeLessThanOrEqual(before - FEED_LAG_MS / 1000 + 2);
  void [ALL_AUDIENCES, create, createClient, done, introspect, manage, read];
});
