import { describe, expect, test } from 'vitest';
import { REMOTE_BODY_LIMIT_BYTES } from '../../src/remote-keys/constants.ts';
import { fetchJson } from '../../src/remote-keys/fetch-json.ts';

import { asked, type Play, publish, publishJson, seen } from '../remote.ts';
import { faultOf } from './faults.ts';

const HOST = 'documents.fetch-json.example';
const SPACES = ' '.repeat(16 * 1024);
// How much the sockets between the Worker and the server buffer although it is never read. Twice as much was never observed.
const BUFFERS = 16 * 1024 * 1024;

let pages = 0;

/** Publishes a document at its own path. @returns the path */
async function at(play: Play): Promise<string> {
  const path = `/${++pages}`;
  await publish(HOST, path, play);
  return path;
}

async function fetched(play: Play): Promise<unknown> {
  return fetchJson(`https://${HOST}${await at(play)}`);
}

/** Fetches a document that must be refused. @returns the fault, and how much was sent until the connection was closed */
async function refused(play: Play) {
  const path = await at(play);
  const fault = await faultOf(fetchJson(`https://${HOST}${path}`));
  let last = await seen(HOST, path);
  for (let look = 0; look < 100 && last.open > 0; look++) {
    await scheduler.wait(20);
    last = await seen(HOST, path);
  }
  return { fault, asked: last.asked, open: last.open, sent: last.sent };
}

describe('what is published is had', () => {
  test.each([
    ['application/json'],
    ['application/json; charset=utf-8'],
    ['Application/JSON;charset=UTF-8'],
    ['application/jwk-set+json'],
  ])('as %s', async (type) => {
    expect(await fetched({ body: '{"keys":["é"]}', headers: { 'Content-Type': type } })).toEqual({ keys: ['é'] });
  });

  test('up to the limit, in many pieces, of which some end within a character', async () => {
    const document = ['é'.repeat(REMOTE_BODY_LIMIT_BYTES / 2 - 2)];
    const body = JSON.stringify(document);
    expect(new TextEncoder().encode(body).length).toBe(REMOTE_BODY_LIMIT_BYTES);
    expect(await fetched({ body })).toEqual(document);
    expect(await faultOf(fetched({ body: `${body} ` }))).toBe('too_large');
  });

  test('compressed', async () => {
    expect(await fetched({ body: '{"keys":[]}', gzip: true })).toEqual({ keys: [] });
  });
});

test('nothing goes along that tells who asks, or that a cache could answer', async () => {
  await publishJson(HOST, '/headers', {});
  await fetchJson(`https://${HOST}/headers`);
  const { headers } = await seen(HOST, '/headers');
  expect(headers['user-agent']).toBe('Edgemint');
  expect(headers.accept).toBe('application/json, application/jwk-set+json');
  expect(headers['cache-control']).toBe('no-cache');
  // The runtime adds the other headers.
  const known = [
    'accept',
    'accept-encoding',
    'cache-control',
    'connection',
    'content-length',
    'host',
    'pragma',
    'user-agent',
  ];
  const others = Object.keys(headers).filter((name) => !known.includes(name) && !/^(mf|cf)-/.test(name));
  expect(others).toEqual([]);
});

test('a URL that must not be fetched is not', async () => {
  await publishJson('printer.local', '/fetch-json', {});
  expect(await faultOf(fetchJson('https://printer.local/fetch-json'))).toBe('address');
  expect(await asked('printer.local', '/fetch-json')).toBe(0);
  expect(await faultOf(fetchJson('http://documents.fetch-json.example/'))).toBe('address');
});

describe('a redirect is not followed', () => {
  test.each([300, 301, 302, 303, 304, 307, 308])('%i', async (status) => {
    const target = `/target-of-${status}`;
    await publishJson(HOST, target, {});
    for (const location of ['https://127.0.0.1/', 'http://localhost/', `https://${HOST}${target}`]) {
      const answer = await refused({ status, headers: { Location: location } });
      expect(answer).toMatchObject({ fault: 'redirect', asked: 1 });
    }
    expect(await asked(HOST, target)).toBe(0);
  });
});

test.each([201, 204, 206, 400, 401, 404, 429, 500, 503])('an answer with status %i is none', async (status) => {
  expect(await faultOf(fetched({ status, ...(status !== 204 && { body: '{}' }) }))).toBe('status');
});

describe('what is not said to be JSON is not read', () => {
  test.each([
    'text/html',
    'text/plain',
    'text/json',
    'application/octet-stream',
    'application/jwt',
    'application/jsonp',
    'application/json-seq',
    'application/x+y+json',
    'application/xml; q=application/json',
    'multipart/form-data; boundary=application/json',
    'text/html, application/json',
    '',
  ])('%j', async (type) => {
    const answer = await refused({ body: SPACES, times: null, headers: { 'Content-Type': type } });
    expect(answer).toMatchObject({ fault: 'content_type', open: 0 });
    expect(answer.sent).toBeLessThan(BUFFERS);
  });
});

describe('a body beyond the limit is not read to its end', () => {
  test.each<[string, Play]>([
    ['endless', { body: SPACES, times: null }],
    [
      'with a length that says so',
      { body: SPACES, times: 10_000, headers: { 'Content-Length': `${16_384 * 10_000}` } },
    ],
    ['endless, beginning as JSON', { body: '[[[[[[[[', times: null }],
    ['after a refusal', { status: 500, body: SPACES, times: null }],
    ['after a redirect', { status: 302, headers: { Location: 'https://127.0.0.1/' }, body: SPACES, times: null }],
  ])('%s', async (_, play) => {
    const { fault, open, sent } = await refused(play);
    expect(['too_large', 'status', 'redirect']).toContain(fault);
    expect(open).toBe(0);
    expect(sent).toBeLessThan(BUFFERS);
  });

  test('where it is small until it is decompressed', async () => {
    const { fault, sent } = await refused({ body: SPACES, times: 4096, gzip: true });
    expect(fault).toBe('too_large');
    expect(sent).toBeLessThan(SPACES.length * 8);
  });
});

test('nobody is waited for beyond the deadline: for the headers, for the first byte, for the next, for the last', async () => {
  const began = performance.now();
  const slow: Play[] = [
    { delayMs: 30_000, body: '{}' },
    { dripMs: 30_000, body: '{}' },
    { dripMs: 200, body: ' ', times: null },
    { dripMs: 30_000, body: '{}', headers: { 'Content-Length': '4' }, times: 2 },
    { dripMs: 30_000, body: SPACES, times: null, status: 200 },
  ];
  const answers = await Promise.all(slow.map(refused));
  expect(answers.map(({ fault }) => fault)).toEqual(slow.map(() => 'deadline'));
  expect(answers.map(({ open }) => open)).toEqual(slow.map(() => 0));
  // Long before the deadline, and longer before the transfer would have ended.
  expect(performance.now() - began).toBeLessThan(20_000);
});

describe('a connection that breaks is no answer', () => {
  test.each<[string, Play]>([
    ['before the headers', { breaks: 'at_once' }],
    ['in the body', { body: '{"keys":[]}', headers: { 'Content-Length': '100' }, breaks: 'after_body' }],
    [
      'before the end of a body of unknown length, whole though it looks',
      { body: '{"keys":[]}', breaks: 'after_body' },
    ],
  ])('%s', async (_, play) => {
    expect(await faultOf(fetched(play))).toBe('network');
  });

  test('nor is a name that leads nowhere', async () => {
    expect(await faultOf(fetchJson('https://nowhere.fetch-json.example/jwks'))).toBe('network');
  });
});

describe('what is not JSON in UTF-8 is refused', () => {
  const base64 = (...bytes: number[]) => btoa(String.fromCharCode(...bytes));
  test.each<[string, Play]>([
    ['nothing', { body: '' }],
    ['HTML', { body: '<!doctype html><title>Sign in</title>' }],
    ['JSON cut off', { body: '{"keys":[' }],
    ['two documents', { body: '{}{}' }],
    ['NaN', { body: '{"keys":NaN}' }],
    ['a comment', { body: '/**/{}' }],
    ['malformed UTF-8', { bytes: base64(0x22, 0xff, 0x22) }],
    ['a character in more bytes than it takes', { bytes: base64(0x22, 0xc0, 0xaf, 0x22) }],
    ['a surrogate', { bytes: base64(0x22, 0xed, 0xa0, 0x80, 0x22) }],
    ['a character cut off at the end', { bytes: base64(0x31, 0xc3) }],
    ['UTF-16', { bytes: base64(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00) }],
    ['lists that are never closed', { body: '['.repeat(REMOTE_BODY_LIMIT_BYTES) }],
  ])('%s', async (_, play) => {
    expect(await faultOf(fetched(play))).toBe('malformed');
  });

  test('but not for being nested as deep as the limit lets it', async () => {
    const depth = REMOTE_BODY_LIMIT_BYTES / 2;
    expect(await fetched({ body: '['.repeat(depth) + ']'.repeat(depth) })).toBeInstanceOf(Array);
  });
});
