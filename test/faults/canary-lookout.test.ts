import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import edgemint from '../../src/index.ts';
import { askStore } from '../../src/store/errors.ts';
import { gateOf } from '../client-gate/gate.ts';
import { getToken, world } from '../http.ts';
import { Canaries } from './canaries.ts';
import { Lookout } from './lookout.ts';
import { send } from './secret-bearing.ts';

// Proves that the search for secrets works: a secret is planted in each place, in each encoding, and must be found.

const SECRET = 'Sx7QeG5Tflk9n8/mt7Fh"c7%aB3dE5gH';

let canaries: Canaries;
let lookout: Lookout;

beforeEach(() => {
  canaries = new Canaries();
  canaries.keep('the secret', SECRET);
  lookout = new Lookout(canaries);
});

afterEach(() => {
  lookout.end();
});

const found = (...places: string[]) => new Set(lookout.sightings(...places).map(({ place }) => place));

describe('a secret is found', () => {
  const bytes = new TextEncoder().encode(SECRET);
  const forms: Record<string, string> = {
    'as it is': SECRET,
    'in upper case': SECRET.toUpperCase(),
    'in base64': btoa(SECRET),
    'in base64, behind something': btoa(`id:${SECRET}`),
    'in base64, behind something else': btoa(`{"${SECRET}`),
    'in base64url': bytes.toBase64({ alphabet: 'base64url' }),
    'in hex': bytes.toHex(),
    reversed: [...SECRET].reverse().join(''),
    'in a URL': encodeURIComponent(SECRET),
    'in a URL, every character escaped': bytes.toHex().replace(/../g, '%$&'),
    'in a URL in a URL': encodeURIComponent(encodeURIComponent(SECRET)),
    'in JSON': JSON.stringify(SECRET),
    'in JSON in JSON': JSON.stringify(JSON.stringify({ a: SECRET })),
    'in JSON, every character escaped': bytes.toHex().replace(/../g, '\\u00$&'),
    'cut off': SECRET.slice(0, 14),
    'its end': SECRET.slice(-14),
    'its middle': SECRET.slice(9, 23),
  };
  test.each(Object.entries(forms))('%s', (_, text) => {
    expect(canaries.findIn('here', `before ${text} after`)).not.toEqual([]);
  });

  test('and its hint is none', () => {
    expect(canaries.findIn('here', `…${SECRET.slice(-4)} ${SECRET.slice(0, 4)}`)).toEqual([]);
  });

  test('a token, though a line of the log cuts it off', async () => {
    const { access_token } = await getToken((await world('cut')).worker);
    canaries.keep('a token', access_token);
    expect(canaries.findIn('here', access_token.slice(0, 200))).not.toEqual([]);
    expect(canaries.findIn('here', access_token.split('.')[2] ?? '')).not.toEqual([]);
    expect(canaries.findIn('here', access_token.split('.')[0] ?? '')).toEqual([]);
  });

  test('except where it may stand', () => {
    canaries.keep('a hash', 'h'.repeat(9) + SECRET.toLowerCase().replaceAll('7', 'x'), /^D1 hashes\.hash$/);
    const text = 'hhhhhhhhhsxx';
    expect(canaries.findIn('D1 hashes.hash', text)).toEqual([]);
    expect(canaries.findIn('D1 others.hash', text)).toHaveLength(1);
  });
});

class Holder {
  readonly secret = SECRET;
}

describe('what is written to the console is seen', () => {
  const given: Record<string, () => unknown> = {
    'a text': () => `line ${SECRET}`,
    JSON: () => JSON.stringify({ a: { b: [SECRET] } }),
    'an object': () => ({ a: { b: [{ c: SECRET }] } }),
    'an instance': () => new Holder(),
    'a property that is not listed': () => Object.defineProperty({}, 'x', { value: SECRET, enumerable: false }),
    'a property by a symbol': () => ({ [Symbol('s')]: SECRET }),
    'a map': () => new Map([['a', new Set([SECRET])]]),
    bytes: () => new TextEncoder().encode(SECRET),
    'an error': () => new Error(SECRET),
    'an error’s cause': () => new Error('x', { cause: new Error(SECRET) }),
    'an error’s property': () => Object.assign(new Error('x'), { params: [SECRET] }),
    'a stack': () => Object.assign(new Error('x'), { stack: `Error: x\n    at ${SECRET} (a:1:2)` }),
    'a function': () => Object.assign(() => {}, { secret: SECRET }),
    'a header': () => [...new Headers({ authorization: btoa(SECRET) })],
  };
  test.each(Object.entries(given))('%s', (_, value) => {
    lookout.begin();
    console.log('before', value());
    lookout.end();
    expect(found('console.')).toEqual(new Set(['console.log']));
  });

  test.each(['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table', 'group'] as const)('by %s', (method) => {
    lookout.begin();
    console[method](SECRET);
    lookout.end();
    expect(found('console.')).toEqual(new Set([`console.${method}`]));
  });
});

describe('what is stored is seen', () => {
  test('in any column of D1', async () => {
    await env.DB.prepare('CREATE TABLE leaks (id INTEGER, note TEXT, bytes BLOB)').run();
    await env.DB.prepare('INSERT INTO leaks VALUES (1, ?, NULL), (2, NULL, ?)').bind(SECRET, bytesOf(SECRET)).run();
    await env.DB.prepare(
      `INSERT INTO audit_events VALUES ('evt', 1, NULL, 'root', 'x', 'x', NULL, json_object('secret', ?), 1, NULL)`,
    )
      .bind(SECRET)
      .run();
    await lookout.seeStores();
    expect(found('D1 ')).toEqual(new Set(['D1 leaks.note', 'D1 leaks.bytes', 'D1 audit_events.changes']));
  });

  test('in KV, in a key, a value and its metadata', async () => {
    await env.KV.put(`key ${SECRET}`, 'x');
    await env.KV.put('value:', SECRET);
    await env.KV.put('metadata:', 'x', { metadata: { a: SECRET } });
    await lookout.seeStores();
    expect(found('KV ')).toEqual(new Set(['KV key', 'KV entry', 'KV metadata']));
  });

  test('in a gate, in any table and beside them', async () => {
    const { worker } = await world('leaking');
    await runInDurableObject(gateOf(worker), async (_, { storage }) => {
      storage.sql.exec('CREATE TABLE leaks (note TEXT)');
      storage.sql.exec('INSERT INTO leaks VALUES (?)', SECRET);
      await storage.put('leak', { a: SECRET });
    });
    await lookout.seeStores();
    expect(found('gate')).toEqual(new Set(['gate leaks.note', 'gate storage']));
  });
});

describe('what is answered is seen', () => {
  const answers: Record<string, () => Response> = {
    'in a body': () => new Response(SECRET),
    'in a header': () => new Response('', { headers: { 'X-Leak': btoa(SECRET) } }),
    'in a status line': () => new Response('', { statusText: SECRET.replace(/\W/g, '') }),
    'in a redirect': () =>
      new Response(null, { status: 302, headers: { Location: `/?${encodeURIComponent(SECRET)}` } }),
  };
  test.each(Object.entries(answers))('%s', async (_, answer) => {
    canaries.keep('without what no status line takes', SECRET.replace(/\W/g, ''));
    const spy = vi.spyOn(edgemint, 'fetch').mockImplementation(async () => answer());
    lookout.begin();
    await send('GET', '/healthz');
    lookout.end();
    spy.mockRestore();
    expect(found('answer')).toEqual(new Set(['answer']));
  });

  test('a new secret may be shown once, in the answer that makes it', async () => {
    const shown = (body: object) => () => Response.json(body, { status: 201 });
    const look = async (path: string, answer: () => Response) => {
      const before = lookout.sightings('answer').length;
      const spy = vi.spyOn(edgemint, 'fetch').mockImplementation(async () => answer());
      lookout.begin();
      await send('POST', path, { body: '{}' });
      lookout.end();
      spy.mockRestore();
      return lookout.sightings('answer').length - before;
    };
    const fresh = 'ems_fresh-secret-that-was-never-seen';
    expect(await look('/v1/clients', shown({ client_secret: fresh }))).toBe(0);
    // The same secret shown again, a known secret shown, a new secret shown twice, and a secret shown by a route that makes none.
    expect(await look('/v1/clients', shown({ client_secret: fresh }))).toBe(1);
    expect(await look('/v1/clients', shown({ client_secret: SECRET }))).toBe(1);
    expect(await look('/v1/clients', shown({ client_secret: `${fresh}2`, again: `${fresh}2` }))).toBe(1);
    expect(await look('/v1/roles', shown({ id: 'role', client_secret: fresh }))).toBe(1);
  });

  test('and what is thrown', async () => {
    const spy = vi.spyOn(edgemint, 'fetch').mockImplementation(async () => {
      throw new Error('x', { cause: SECRET });
    });
    lookout.begin();
    await send('GET', '/healthz').catch(() => undefined);
    lookout.end();
    spy.mockRestore();
    expect(found('thrown')).toEqual(new Set(['thrown by fetch']));
  });
});

test('a store’s error keeps nothing of what the store threw, whatever that was', async () => {
  for (const thrown of [
    new Error(SECRET, { cause: SECRET }),
    SECRET,
    { SECRET },
    Object.assign(new Error(), { SECRET }),
  ]) {
    const error = await askStore('d1', () => Promise.reject(thrown)).catch((caught: unknown) => caught);
    lookout.see('error', error);
  }
  expect(lookout.sightings('error')).toEqual([]);
});

const bytesOf = (text: string) => new TextEncoder().encode(text);
