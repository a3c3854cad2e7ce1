import { describe, expect, test } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { readBasic } from '../../src/oauth/client-authentication/client-secret-basic.ts';
import { basic, postForm, world } from '../http.ts';
import { readError, readToken } from './answers.ts';

const { worker, api } = await world('client-authentication');
const GRANT = { grant_type: 'client_credentials' };
const INVALID_CLIENT = { status: 401, error: 'invalid_client' };
const INVALID_REQUEST = { status: 400, error: 'invalid_request' };

/** Requests a token with this Authorization header. Each header has its own address, because failures are counted by address and client. */
function withHeader(authorization: string, form: Record<string, string> = {}, address = '192.0.2.1') {
  return postForm('/oauth2/token', { ...GRANT, ...form }, { headers: { Authorization: authorization }, address });
}

function withBody(form: Record<string, string>, address = '192.0.2.2') {
  return postForm('/oauth2/token', { ...GRANT, ...form }, { address });
}

/** Basic credentials from a text that is not form-encoded. */
function rawBasic(text: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
}

function percentEncodeAll(text: string): string {
  return [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

describe('two authentication methods in one request', () => {
  const header = basic(worker.client_id, worker.client_secret);
  const assertion = { client_assertion: 'e30.e30.e30', client_assertion_type: 'urn:example:assertion' };

  test.each([
    ['Basic and a secret in the body', header, { ...worker }],
    ['Basic and a secret alone in the body', header, { client_secret: worker.client_secret }],
    ['Basic and an assertion', header, assertion],
    ['another scheme and a secret in the body', 'Bearer abc', { ...worker }],
    ['a header that cannot be read and a secret in the body', 'Basic ?', { ...worker }],
    ['all three', header, { ...worker, ...assertion }],
  ])('T1: %s is invalid_request', async (_, authorization, form) => {
    expect(await readError(await withHeader(authorization, form))).toEqual(INVALID_REQUEST);
  });

  test('T1: a secret and an assertion in the body is invalid_request', async () => {
    expect(await readError(await withBody({ ...worker, ...assertion }))).toEqual(INVALID_REQUEST);
  });

  test('T1: one method and the client_id in the body is one method, as long as it is the same client', async () => {
    await readToken(await withHeader(header, { client_id: worker.client_id }));
    expect(await readError(await withHeader(header, { client_id: api.client_id }))).toEqual(INVALID_REQUEST);
  });

  test('T1: a second method that is left empty is none', async () => {
    await readToken(await withHeader(header, { client_secret: '', client_assertion: '' }));
    await readToken(await withBody({ ...worker, client_assertion: '' }));
  });
});

describe('Basic credentials are form-encoded', () => {
  test.each([
    ['as they are', (text: string) => text],
    ['with the underscore encoded', (text: string) => text.replaceAll('_', '%5F')],
    ['with the underscore encoded in lower case', (text: string) => text.replaceAll('_', '%5f')],
    ['with every character encoded', percentEncodeAll],
  ])('T2: an id and a secret %s authenticate', async (_, encode) => {
    const authorization = rawBasic(`${encode(worker.client_id)}:${encode(worker.client_secret)}`);
    await readToken(await withHeader(authorization));
  });

  // How an id was decoded shows only by the client_id in the body: if both are equal, the request is not refused for having two.
  test.each([
    ['a%2Bb', 'a+b'],
    ['a+b', 'a b'],
    ['a%20b', 'a b'],
    ['a%25b', 'a%b'],
    ['a%3Ab', 'a:b'],
    ['a%E2%82%ACb', 'a€b'],
    ['a€b', 'a€b'],
    ['%2B%25%3A%E2%82%AC%2D%5F', '+%:€-_'],
  ])('T2: the id %s is read as %s', async (encoded, clientId) => {
    const authorization = rawBasic(`${encoded}:secret`);
    expect(await readError(await withHeader(authorization, { client_id: clientId }))).toEqual(INVALID_CLIENT);
    expect(await readError(await withHeader(authorization, { client_id: `${clientId}x` }))).toEqual(INVALID_REQUEST);
  });

  test.each(['+', '%', ':', '€', ' a+b%25:c€', '\0', '%2B', '=&'])(
    'T2: %j round-trips, in an id and in a secret',
    (text) => {
      const read = readBasic(basic(text, `${text}:${text}`));
      expect([read?.clientId, read?.secrets[0].reveal()]).toEqual([text, `${text}:${text}`]);
    },
  );

  test.each([
    ['without special characters', 'a-_~.b', ['a-_~.b']],
    ['with a plus sign', 'a+b', ['a b', 'a+b']],
    ['with an encoded plus sign', 'a%2Bb', ['a+b', 'a%2Bb']],
    ['with a percent sign that begins nothing', '100%', ['100%']],
    ['with a colon', 'a:b+', ['a:b ', 'a:b+']],
  ])('a secret %s has its form-decoded reading and its raw one', (_, text, readings) => {
    const read = readBasic(rawBasic(`id:${text}`));
    expect(read?.secrets.map((secret) => secret.reveal())).toEqual(readings);
  });

  test.each(['%', '%2', '%zz', '%%', '%E2%82', '%FF', '%C0%AF', '%ED%A0%80', '%u20AC'])(
    'T2: a bad %s in the id or the secret is invalid_client',
    async (bad) => {
      const { client_id, client_secret } = worker;
      for (const text of [`${bad}:${client_secret}`, `${client_id}${bad}:${client_secret}`]) {
        expect(await readError(await withHeader(rawBasic(text)))).toEqual(INVALID_CLIENT);
      }
      const address = `192.0.2.${100 + bad.length}`;
      for (const text of [`${client_id}:${bad}`, `${client_id}:${client_secret}${bad}`]) {
        expect(await readError(await withHeader(rawBasic(text), {}, address))).toEqual(INVALID_CLIENT);
      }
    },
  );

  test.each([
    '',
    'Basic',
    'Basic ',
    'Basic ====',
    'Basic %',
    'Basic YQ',
    'Basic YTpi YTpi',
    'Basic YTpi, Basic YTpi',
    `Basic ${btoa('no colon')}`,
    `Basic ${btoa(':')}`,
    `Basic ${btoa(':secret')}`,
    `Basic ${btoa('id:')}`,
    `Basic ${btoa('\xff\xfe:\xff')}`,
    `Basic ${btoa('id:se\0cret')}`,
    'Basi YTpi',
    'Bearer YTpi',
    'Digest username="a"',
  ])('T2: the header %j is invalid_client', async (authorization) => {
    expect(await readError(await withHeader(authorization))).toEqual(INVALID_CLIENT);
  });

  test('T2: the scheme is of any case', async () => {
    const credentials = basic(worker.client_id, worker.client_secret).slice('Basic '.length);
    for (const scheme of ['basic', 'BASIC', 'bAsIc']) await readToken(await withHeader(`${scheme} ${credentials}`));
  });
});

describe('credentials in the URI', () => {
  const query = new URLSearchParams({ ...GRANT, ...worker }).toString();

  test('T3: they never authenticate', async () => {
    const answer = await postForm(`/oauth2/token?${query}`, GRANT);
    expect(await readError(answer)).toEqual(INVALID_CLIENT);
  });

  test('T3: a secret there completes no id in the body, and the other way round', async () => {
    const { client_id, client_secret } = worker;
    const secretInUri = await postForm(`/oauth2/token?client_secret=${client_secret}`, { ...GRANT, client_id });
    const idInUri = await postForm(`/oauth2/token?client_id=${client_id}`, { ...GRANT, client_secret });
    expect(await readError(secretInUri)).toEqual(INVALID_CLIENT);
    expect(await readError(idInUri)).toEqual(INVALID_CLIENT);
  });

  test('T3: they do not stand in for wrong ones in the header or the body', async () => {
    const wrong = { client_id: worker.client_id, client_secret: generateSecret('ems_') };
    const init = { address: '192.0.2.3' };
    const headers = { Authorization: basic(wrong.client_id, wrong.client_secret) };
    const byHeader = await postForm(`/oauth2/token?${query}`, GRANT, { ...init, headers });
    const byBody = await postForm(`/oauth2/token?${query}`, { ...GRANT, ...wrong }, init);
    expect(await readError(byHeader)).toEqual(INVALID_CLIENT);
    expect(await readError(byBody)).toEqual(INVALID_CLIENT);
  });

  test('T3: nothing else is read from there either', async () => {
    const headers = { Authorization: basic(worker.client_id, worker.client_secret) };
    const noGrantType = await postForm(`/oauth2/token?${query}`, {}, { headers });
    expect(await readError(noGrantType)).toEqual(INVALID_REQUEST);
    const { answer } = await readToken(await postForm('/oauth2/token?scope=read', GRANT, { headers }));
    expect(answer.scope).toBe('read write');
  });
});
