import { expect, test } from 'vitest';
import { parseRequestedClaims } from '../../../src/oauth/request/requested-claims.ts';
import { heldRecord, push } from '../../client-gate/gate.ts';
import { type Credentials, introspect, requestToken, world } from '../../http.ts';
import { readError, readToken } from '../answers.ts';

const INVALID_REQUEST = { status: 400, error: 'invalid_request' };

/** A client that may request some claims besides its own. */
async function requester(
  name: string,
  requestable_claims: string[],
): Promise<{ worker: Credentials; api: Credentials }> {
  const { worker, api } = await world(name, { claims: { tier: 'gold', region: 'eu' } });
  expect((await requestToken(worker)).status).toBe(200);
  await push(worker, { requestable_claims });
  return { worker, api };
}

function ask(client: Credentials, claims: unknown): Promise<Response> {
  return requestToken(client, { claims: JSON.stringify(claims) });
}

test('what the client may ask for is in its token, over its own claims, and in what introspection tells', async () => {
  const { worker, api } = await requester('requests-claims', ['region', 'job', 'attempt', 'share', 'dry_run']);
  const asked = { region: 'us', job: 'build-7 €', attempt: 3, share: 0.25, dry_run: true };
  const { claims, answer } = await readToken(await ask(worker, asked));
  expect(claims).toMatchObject({ ...asked, tier: 'gold' });
  expect(await (await introspect(api, answer.access_token)).json()).toMatchObject({ active: true, ...asked });
  const { claims: without } = await readToken(await requestToken(worker));
  expect(without).toMatchObject({ tier: 'gold', region: 'eu' });
  expect(without).not.toHaveProperty('job');
});

test('none at all may be asked for', async () => {
  const { worker } = await requester('requests-no-claims', []);
  expect((await readToken(await ask(worker, {}))).claims).toMatchObject({ tier: 'gold' });
  expect((await readToken(await requestToken(worker, { claims: '' }))).claims).toMatchObject({ tier: 'gold' });
});

test('a claim that the client may not ask for is refused, whatever else is asked', async () => {
  const { worker } = await requester('requests-too-much', ['job']);
  for (const asked of [
    { tier: 'platinum' },
    { job: 'a', admin: true },
    { Job: 'a' },
    { constructor: 'a' },
    { '': 'a' },
  ]) {
    const response = await ask(worker, asked);
    expect(response.headers.get('RateLimit')).not.toBeNull();
    expect(await readError(response)).toEqual(INVALID_REQUEST);
  }
  const { requestable_claims: _, ...older } = await heldRecord(worker);
  await push(worker, { ...older, requestable_claims: [] });
  expect(await readError(await ask(worker, { job: 'a' }))).toEqual(INVALID_REQUEST);
});

test('a registered claim is refused though the client were allowed to ask for it', async () => {
  const names = ['iss', 'sub', 'aud', 'exp', 'iat', 'scope', 'roles', 'org_id', 'client_id', 'cnf', 'act', 'active'];
  const { worker } = await requester('requests-registered', names);
  for (const name of names)
    expect(await readError(await ask(worker, { [name]: 'forged' })), name).toEqual(INVALID_REQUEST);
});

test('claims twice are refused', async () => {
  const { worker } = await requester('requests-twice', ['job']);
  const twice: [string, string][] = [
    ['claims', '{"job":"a"}'],
    ['claims', '{"job":"a"}'],
  ];
  expect(await readError(await requestToken(worker, twice))).toEqual(INVALID_REQUEST);
});

/** An object with this many names. */
function named(count: number): string {
  return JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`claim${index}`, 1])));
}

/** An object whose JSON has exactly this many bytes. */
function sized(bytes: number): string {
  const text = JSON.stringify({ a: '€'.repeat(200) });
  return text + ' '.repeat(bytes - new TextEncoder().encode(text).byteLength);
}

test.each<[string, string]>([
  ['20 names', named(20)],
  ['1 KiB, counted in bytes', sized(1024)],
  ['a text of 200', JSON.stringify({ a: 'x'.repeat(200) })],
  ['the greatest exact integer', `{"a":${Number.MAX_SAFE_INTEGER},"b":${Number.MIN_SAFE_INTEGER}}`],
  ['names of objects’ methods', '{"constructor":"a","toString":1}'],
])('%s: read', (_, text) => {
  expect(parseRequestedClaims(text)).toEqual(JSON.parse(text));
});

test.each<[string, string]>([
  ['21 names', named(21)],
  ['1 KiB and a byte', sized(1025)],
  ['a text of 201', JSON.stringify({ a: 'x'.repeat(201) })],
  ['an integer that is not exact', '{"a":9007199254740993}'],
  ['a number that is too great', '{"a":1e999}'],
  ['null as a value', '{"a":null}'],
  ['an array as a value', '{"a":[1]}'],
  ['an object as a value', '{"a":{"b":1}}'],
  ['half a character', '{"a":"\\ud800"}'],
  ['half a character in a name', '{"\\ud800":1}'],
  ['the name of every object’s prototype', '{"__proto__":"a"}'],
  ['a registered name', '{"a":1,"sub":"b"}'],
  ['no JSON', '{a:1}'],
  ['JSON with something after it', '{"a":1} x'],
  ['an array', '[]'],
  ['null', 'null'],
  ['a text', '"a"'],
  ['a number', '1'],
  ['nesting that parsers give up on', `${'['.repeat(500)}${']'.repeat(500)}`],
])('%s: refused', (_, text) => {
  expect(() => parseRequestedClaims(text)).toThrow(expect.objectContaining({ code: 'invalid_request', status: 400 }));
});

test('without the parameter nothing is asked for', () => {
  expect(parseRequestedClaims(undefined)).toBeUndefined();
});
