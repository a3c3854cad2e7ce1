import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  REMOTE_KEYS_AGE_MAX,
  REMOTE_KEYS_REFETCH_MIN,
  REMOTE_KEYS_REFRESH_AGE,
} from '../../../src/remote-keys/constants.ts';
import { done, world } from '../../http.ts';
import { calls, resetCalls, startNewIsolate } from '../../instruments.ts';
import { asked, publish, publishIssuer, publishJson } from '../../remote.ts';
import { newSigner, type Signer } from '../../remote-keys/signers.ts';
import { present, refusalOf, tokenOf, unavailabilityOf, workloadClient } from './workloads.ts';

const DISCOVERY = '/.well-known/openid-configuration';
const SUBJECT = 'system:serviceaccount:shop:orders';
const here = await world('federated-jwt-keys');
const [first, second] = [await newSigner('RS256', { kid: 'first' }), await newSigner('RS256', { kid: 'second' })];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Advances the clock. */
function later(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}

const hostOf = (name: string) => `${name}.federated-jwt-keys.example`;
const tokenBy = (signer: Signer, issuer: string) => tokenOf(signer, { iss: issuer, sub: SUBJECT });
const trust = (clientId: string, federated_identities: readonly object[]) =>
  done('PATCH', `clients/${clientId}`, { body: { federated_identities } });

/** An issuer that has published its keys, and a client that trusts it and is cached by the isolate. */
async function warmIssuer(name: string) {
  const host = hostOf(name);
  const issuer = await publishIssuer(host, [first.publicJwk]);
  const clientId = await workloadClient(here, [{ issuer, subject: SUBJECT }]);
  const ask = async (signer = first) => present(clientId, await tokenBy(signer, issuer));
  expect((await ask()).status).toBe(200);
  return {
    host,
    issuer,
    clientId,
    ask,
    fetches: async () => (await asked(host, DISCOVERY)) + (await asked(host, '/jwks')),
  };
}

test('a warm request makes one gate call, asks no other store, and fetches nothing', async () => {
  const { ask, fetches } = await warmIssuer('warm');
  expect(await fetches()).toBe(2);
  resetCalls();
  expect((await ask()).status).toBe(200);
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
  expect(await fetches()).toBe(2);
});

test('a cold isolate makes one gate call more', async () => {
  const { ask } = await warmIssuer('cold-isolate');
  startNewIsolate();
  resetCalls();
  expect((await ask()).status).toBe(200);
  expect(calls).toMatchObject({ gate: 2 });
});

test('tokens that fit no condition are never a reason to fetch, however many come', async () => {
  const { clientId, issuer, fetches } = await warmIssuer('forged');
  const before = await fetches();
  later(REMOTE_KEYS_REFRESH_AGE + 1);
  const stranger = await newSigner('RS256', { kid: 'stranger' });
  for (const sub of ['system:serviceaccount:shop:orders2', 'system:serviceaccount:evil:orders', 'orders']) {
    const token = await tokenOf(stranger, { iss: issuer, sub });
    expect(await refusalOf(() => present(clientId, token))).toBe('no_such_identity');
  }
  expect(await fetches()).toBe(before);
});

test('kids that somebody makes up are looked for once in a while', async () => {
  const { clientId, issuer, fetches } = await warmIssuer('kids');
  later(REMOTE_KEYS_REFETCH_MIN + 1);
  const before = await fetches();
  for (const kid of ['a', 'b', 'c']) {
    const token = await tokenOf(first, { iss: issuer, sub: SUBJECT }, { kid });
    expect(await refusalOf(() => present(clientId, token))).toBe('no_such_key');
  }
  expect(await fetches()).toBe(before + 2);
});

test('the keys of an issuer roll over: a new one is looked for, and an old one that is gone is worth nothing', async () => {
  const { ask, host } = await warmIssuer('rollover');
  later(REMOTE_KEYS_REFETCH_MIN + 1);
  await publishJson(host, '/jwks', { keys: [first.publicJwk, second.publicJwk] });
  expect((await ask(second)).status).toBe(200);
  expect((await ask(first)).status).toBe(200);
  await publishJson(host, '/jwks', { keys: [second.publicJwk] });
  later(REMOTE_KEYS_REFRESH_AGE + 1);
  const before = await asked(host, '/jwks');
  expect((await ask(second)).status).toBe(200);
  await vi.waitUntil(async () => (await asked(host, '/jwks')) > before);
  await vi.waitUntil(async () => (await ask(first)).status === 401);
});

test('an issuer that is down is believed for hours where it was known, and then nobody knows', async () => {
  const { ask, host } = await warmIssuer('down');
  for (const path of [DISCOVERY, '/jwks']) await publish(host, path, { status: 503 });
  later(REMOTE_KEYS_AGE_MAX - 60);
  expect((await ask()).status).toBe(200);
  later(120);
  expect(await unavailabilityOf(() => ask())).toBe('remote_keys_unavailable');
});

test.each<[string, Parameters<typeof publish>[2]]>([
  ['is down', { status: 500 }],
  ['breaks off', { breaks: 'at_once' }],
  ['is the discovery document of another', { body: JSON.stringify({ issuer: 'https://other.example', jwks_uri: '' }) }],
  ['does not name itself', { body: JSON.stringify({ jwks_uri: `https://${hostOf('elsewhere')}/jwks` }) }],
  [
    'says of nowhere that its keys are there',
    { body: JSON.stringify({ issuer: `https://${hostOf('says-of-nowhere-that-its-keys-are-there')}` }) },
  ],
  ['answers with a redirect', { status: 302, headers: { Location: `https://${hostOf('elsewhere')}/` } }],
  ['is no JSON', { headers: { 'Content-Type': 'text/html' }, body: '<html>' }],
])('nobody knows whose token it is where the issuer %s', async (name, play) => {
  const host = hostOf(name.replaceAll(' ', '-').toLowerCase());
  await publish(host, DISCOVERY, play);
  await publishJson(hostOf('elsewhere'), '/jwks', { keys: [first.publicJwk] });
  const issuer = `https://${host}`;
  const clientId = await workloadClient(here, [{ issuer, subject: SUBJECT }]);
  const token = await tokenBy(first, issuer);
  expect(await unavailabilityOf(() => present(clientId, token))).toBe('remote_keys_unavailable');
});

test('a discovery document cannot lead to where nobody may be sent', async () => {
  const host = hostOf('inward');
  const issuer = `https://${host}`;
  for (const inward of ['169.254.169.254', 'metadata.google.internal']) {
    await publishJson(inward, '/jwks', { keys: [first.publicJwk] });
    await publishJson(host, DISCOVERY, { issuer, jwks_uri: `https://${inward}/jwks` });
    const clientId = await workloadClient(here, [{ issuer, subject: SUBJECT }]);
    const token = await tokenBy(first, issuer);
    startNewIsolate();
    expect(await unavailabilityOf(() => present(clientId, token))).toBe('remote_keys_unavailable');
    expect(await asked(inward, '/jwks')).toBe(0);
  }
});

test('where the keys are may be said in place of what discovery would tell', async () => {
  const [host, keysHost] = [hostOf('named'), hostOf('named-keys')];
  const issuer = `https://${host}`;
  await publishJson(keysHost, '/keys.json', { keys: [first.publicJwk] });
  const jwks_uri = `https://${keysHost}/keys.json`;
  const clientId = await workloadClient(here, [{ issuer, subject: SUBJECT, jwks_uri }]);
  expect((await present(clientId, await tokenBy(first, issuer))).status).toBe(200);
  expect(await asked(host, DISCOVERY)).toBe(0);
});

test('the keys of a cluster that nobody outside can reach are registered, and nothing is fetched for them', async () => {
  const issuer = 'https://kubernetes.default.svc.cluster.local';
  const jwks = { keys: [first.publicJwk] };
  const clientId = await workloadClient(here, [{ issuer, subject: SUBJECT, jwks }]);
  const token = await tokenBy(first, issuer);
  expect((await present(clientId, token)).status).toBe(200);
  expect(await asked('kubernetes.default.svc.cluster.local', DISCOVERY)).toBe(0);
  expect(await refusalOf(async () => present(clientId, await tokenBy(second, issuer)))).toBe('no_such_key');
  const misnamed = await tokenOf(first, { iss: issuer, sub: SUBJECT }, { kid: 'other' });
  expect(await refusalOf(() => present(clientId, misnamed))).toBe('no_such_key');
  // Another cluster may have the same issuer name and its own keys. A client that trusts it does not accept this cluster's tokens.
  const other = await workloadClient(here, [{ issuer, subject: SUBJECT, jwks: { keys: [second.publicJwk] } }]);
  expect(await refusalOf(() => present(other, token))).toBe('no_such_key');
});

test('of two identities one whose keys cannot be had does not stand in the way of the other', async () => {
  const issuer = `https://${hostOf('two-sources')}`;
  const away = { issuer, subject: SUBJECT, jwks_uri: `https://${hostOf('two-sources')}/gone` };
  const inline = { issuer, subject: SUBJECT, jwks: { keys: [first.publicJwk] } };
  const clientId = await workloadClient(here, [away, inline]);
  expect((await present(clientId, await tokenBy(first, issuer))).status).toBe(200);
  const token = await tokenBy(second, issuer);
  expect(await unavailabilityOf(() => present(clientId, token))).toBe('remote_keys_unavailable');
});

test('the very next request after trust was withdrawn is refused, and the next after it was given back is not', async () => {
  const { clientId, issuer, ask } = await warmIssuer('withdrawn');
  await trust(clientId, [{ issuer, subject: 'system:serviceaccount:shop:other' }]);
  expect(await refusalOf(() => ask())).toBe('no_such_identity');
  await trust(clientId, [{ issuer, subject: SUBJECT }]);
  expect((await ask()).status).toBe(200);
  await done('PATCH', `clients/${clientId}`, { body: { token_endpoint_auth_method: 'client_secret_basic' } });
  expect(await refusalOf(() => ask())).toBe('method_not_registered');
});

test('the very next request after a condition was added is judged by it', async () => {
  const { clientId, issuer, ask } = await warmIssuer('tightened');
  await trust(clientId, [{ issuer, subject: SUBJECT, claims: { '/kubernetes.io/serviceaccount/uid': 'be7d' } }]);
  expect(await refusalOf(() => ask())).toBe('no_such_identity');
});

test('the very next request after keys that cannot be had were replaced goes by the new ones', async () => {
  const issuer = `https://${hostOf('mistyped')}`;
  const mistyped = { issuer, subject: SUBJECT, jwks_uri: `https://${hostOf('mistyped')}/keyz` };
  const clientId = await workloadClient(here, [mistyped]);
  const token = await tokenBy(first, issuer);
  expect(await unavailabilityOf(() => present(clientId, token))).toBe('remote_keys_unavailable');
  await trust(clientId, [{ issuer, subject: SUBJECT, jwks: { keys: [first.publicJwk] } }]);
  expect((await present(clientId, token)).status).toBe(200);
});
