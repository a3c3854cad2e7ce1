import { describe, expect, test } from 'vitest';
import { OAUTH_BODY_LIMIT_BYTES } from '../../src/constants.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { basic, postForm, send, world } from '../http.ts';
import { seeded } from '../random.ts';
import { expectRefused, readError, readToken } from './answers.ts';

const { worker, api, identifier } = await world('token-endpoint-bad-input');
const FORM = 'application/x-www-form-urlencoded';
const AUTHORIZATION = basic(worker.client_id, worker.client_secret);
const INVALID_REQUEST = { status: 400, error: 'invalid_request' };
const UNSUPPORTED_MEDIA_TYPE = { status: 415, error: 'invalid_request' };
const TOO_LARGE = { status: 413, error: 'invalid_request' };

const encoder = new TextEncoder();

/** POSTs bytes, or a stream of them, with valid credentials in the header. */
function postBytes(body: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  return send('/oauth2/token', {
    method: 'POST',
    headers: { Authorization: AUTHORIZATION, 'Content-Type': FORM, ...headers },
    body,
  });
}

/** A valid request of exactly this many bytes. */
function bodyOf(bytes: number): Uint8Array {
  const good = 'grant_type=client_credentials&padding=';
  return encoder.encode(good.padEnd(bytes, 'a'));
}

/** The bytes as a stream, sent without a Content-Length. */
function streamOf(bytes: Uint8Array, chunk = 1000): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + chunk));
      at += chunk;
    },
  });
}

describe('the content type', () => {
  const body = encoder.encode('grant_type=client_credentials');

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'multipart/form-data; boundary=a',
    'text/plain',
    'text/plain; charset=application/x-www-form-urlencoded',
    'application/octet-stream',
    'application/x-www-form-urlencoded-not',
    'not application/x-www-form-urlencoded',
    'x-www-form-urlencoded',
    '*/*',
    ';',
    '\x7f',
    `${FORM}, application/json`,
    `application/json, ${FORM}`,
    `${FORM}, ${FORM}`,
    `${FORM}; charset=utf-8, ${FORM}`,
    `${FORM} ${FORM}`,
    'a'.repeat(10_000),
  ])('T17: %j is 415', async (type) => {
    expect(await readError(await postBytes(body, { 'Content-Type': type }))).toEqual(UNSUPPORTED_MEDIA_TYPE);
  });

  test('T17: none at all is 415, with and without a body', async () => {
    const headers = { Authorization: AUTHORIZATION };
    const withBody = await send('/oauth2/token', { method: 'POST', headers, body });
    expect(await readError(withBody)).toEqual(UNSUPPORTED_MEDIA_TYPE);
    const withoutBody = await send('/oauth2/token', { method: 'POST', headers });
    expect(await readError(withoutBody)).toEqual(UNSUPPORTED_MEDIA_TYPE);
  });

  test('T17: two Content-Type fields are 415, though both be right', async () => {
    const headers = new Headers({ Authorization: AUTHORIZATION, 'Content-Type': FORM });
    headers.append('Content-Type', FORM);
    const answer = await send('/oauth2/token', { method: 'POST', headers, body });
    expect(await readError(answer)).toEqual(UNSUPPORTED_MEDIA_TYPE);
  });

  test.each([FORM, `${FORM};charset=UTF-8`, `${FORM}; charset=utf-8`, `${FORM} ; charset="utf-8"`, FORM.toUpperCase()])(
    'T17: %s is fine',
    async (type) => {
      await readToken(await postBytes(body, { 'Content-Type': type }));
    },
  );

  test('T17: a JSON or multipart body is not read as a form', async () => {
    const json = JSON.stringify({ grant_type: 'client_credentials', ...worker });
    expect(await readError(await postBytes(json))).toEqual(INVALID_REQUEST);
    const form = new FormData();
    form.set('grant_type', 'client_credentials');
    const headers = { Authorization: AUTHORIZATION };
    const multipart = await send('/oauth2/token', { method: 'POST', headers, body: form });
    expect(await readError(multipart)).toEqual(UNSUPPORTED_MEDIA_TYPE);
  });
});

describe('the size of the body', () => {
  const limit = OAUTH_BODY_LIMIT_BYTES;

  test('T17: a body up to the limit of 16 KiB is read, its length told or not', async () => {
    expect(limit).toBe(16_384);
    await readToken(await postBytes(bodyOf(limit)));
    await readToken(await postBytes(streamOf(bodyOf(limit))));
  });

  test.each([limit + 1, 10 * limit, 4 * 1024 * 1024])(
    'T17: a body of %i bytes is 413, its length told',
    async (bytes) => {
      expect(await readError(await postBytes(bodyOf(bytes)))).toEqual(TOO_LARGE);
    },
  );

  test.each([limit + 1, 10 * limit])('T17: a body of %i bytes is 413, its length not told', async (bytes) => {
    for (const chunk of [1, 1000, bytes]) {
      if (bytes / chunk > 20_000) continue;
      expect(await readError(await postBytes(streamOf(bodyOf(bytes), chunk)))).toEqual(TOO_LARGE);
    }
  });

  test.each(['5', '-1', 'abc', '0x10'])(
    'T17: a body over the limit is 413, its length told wrongly: %s',
    async (length) => {
      for (const body of [bodyOf(limit + 1), streamOf(bodyOf(limit + 1))]) {
        expect(await readError(await postBytes(body, { 'Content-Length': length }))).toEqual(TOO_LARGE);
      }
    },
  );

  test.each([
    ['its length told', { 'Content-Length': String(limit + 1) }],
    ['its length not told', {}],
  ])('T17: a body over the limit is not read on, %s', async (_, headers) => {
    let chunks = 0;
    const long = new ReadableStream<Uint8Array>({
      pull(controller) {
        chunks++;
        if (chunks === 2000) controller.close();
        else controller.enqueue(new Uint8Array(1024).fill(0x61));
      },
    });
    expect(await readError(await postBytes(long, headers))).toEqual(TOO_LARGE);
    expect(chunks).toBeLessThan(1000);
  });

  test('T17: an empty body, or none, is invalid_request', async () => {
    expect(await readError(await postBytes(''))).toEqual(INVALID_REQUEST);
    expect(await readError(await postBytes(streamOf(new Uint8Array())))).toEqual(INVALID_REQUEST);
    const headers = { Authorization: AUTHORIZATION, 'Content-Type': FORM };
    expect(await readError(await send('/oauth2/token', { method: 'POST', headers }))).toEqual(INVALID_REQUEST);
  });

  test('thousands of parameters are read like few', async () => {
    const many = Array.from({ length: 4000 }, (_, index) => index.toString(36)).join('&');
    expect(many.length).toBeLessThan(limit - 100);
    await readToken(await postBytes(`grant_type=client_credentials&${'a&'.repeat(1000)}${'&'.repeat(10_000)}`));
    await readToken(await postBytes(`grant_type=client_credentials&${many}`));
  });
});

describe('hostile encodings', () => {
  const malformed: [string, string | Uint8Array<ArrayBuffer>][] = [
    ['a lone %', '%'],
    ['a % with one digit', '%a'],
    ['a % with no digits', '%zz'],
    ['a % at the end of a name', 'a%=b'],
    ['invalid UTF-8, encoded', '%ff%fe'],
    ['an overlong form, encoded', '%c0%af'],
    ['a cut-off sequence, encoded', '%e2%82'],
    ['a lone surrogate, encoded', '%ed%a0%80'],
    ['an escape that is no form encoding', '%u0041'],
    ['invalid UTF-8, raw', Uint8Array.of(0xff, 0xfe)],
    ['a lone surrogate, raw', Uint8Array.of(0xed, 0xa0, 0x80)],
    ['a cut-off sequence, raw', Uint8Array.of(0xe2, 0x82)],
  ];
  const names = ['grant_type', 'scope', 'resource', 'client_id', 'client_secret', 'unknown'];

  test.each(malformed)('%s is invalid_request wherever it stands', async (_, bad) => {
    const bytes = typeof bad === 'string' ? encoder.encode(bad) : bad;
    for (const name of names) {
      const body = new Blob([`a=b&${name}=`, bytes, '&c=d']);
      expect(await readError(await postBytes(await body.arrayBuffer()))).toEqual(INVALID_REQUEST);
    }
    const asName = await new Blob(['grant_type=client_credentials&', bytes, '=a']).arrayBuffer();
    expect(await readError(await postBytes(asName))).toEqual(INVALID_REQUEST);
  });

  test('a NUL, a byte order mark or a line break is a character like any other', async () => {
    for (const odd of ['%00', '\0', '%EF%BB%BF', '\ufeff', '%0D%0A', '\r\n', '\u2028', '%F0%9F%98%80']) {
      expect(await readError(await postBytes(`${odd}grant_type=client_credentials`))).toEqual(INVALID_REQUEST);
      const grantType = await postBytes(`grant_type=client_credentials${odd}`);
      expect(await readError(grantType)).toEqual({ status: 400, error: 'unsupported_grant_type' });
      await readToken(await postBytes(`grant_type=client_credentials&unknown${odd}=${odd}`));
    }
  });

  test('a name and a value may be encoded in any way that is right', async () => {
    await readToken(await postBytes('%67rant_type=client%5Fcredentials'));
    await readToken(await postBytes('grant_type=client%5fcredentials&scope=read+write'));
    await readToken(await postBytes('grant_type=client_credentials&scope=read%20write'));
  });
});

/** The mark that every hostile value contains, so that an echo of the value is found. */
const MARK = 'q7Zk0';
/** Values that break careless code. */
const HOSTILE = [
  `"${MARK}"`,
  `\\${MARK}\\`,
  `${MARK}\r\nSet-Cookie: a=b`,
  `${MARK}\0`,
  `${MARK}\x7f\x80\u2028`,
  `é€\u{1f600}${MARK}`,
  `<script>${MARK}</script>`,
  `' OR 1=1 -- ${MARK}`,
  `../../${MARK}`,
  `\${${MARK}}{{${MARK}}}`,
  `{"${MARK}":1}`,
  '__proto__',
  `${MARK.repeat(1500)}`,
] as const;

describe('what an error tells', () => {
  const wrong = generateSecret('ems_');
  const secrets = [worker.client_secret, wrong, MARK];

  async function expectNothingEchoed(answer: Response): Promise<void> {
    const seen = answer.clone();
    // readError() checks the characters of the description.
    await expectRefused(answer);
    const text = [...seen.headers].flat().join('\n') + (await seen.text());
    for (const secret of secrets) expect(text).not.toContain(secret);
  }

  test.each(HOSTILE)('T15: the description keeps to its characters and echoes nothing: %j', async (value) => {
    const { client_id, client_secret } = worker;
    const good = { grant_type: 'client_credentials', client_id, client_secret };
    for (const name of ['scope', 'resource', 'audience']) {
      const init = { address: '192.0.2.1' };
      // An authenticated client is told what it is not granted, without characters that mean something elsewhere.
      const answer = await postForm('/oauth2/token', { ...good, [name]: value }, init);
      const { error_description } = await answer.clone().json<{ error_description: string }>();
      await expectRefused(answer);
      expect(error_description).not.toMatch(/[<>'"`${}\\]/);
      await expectNothingEchoed(
        await postForm('/oauth2/token', { ...good, client_secret: wrong, [name]: value }, init),
      );
    }
    for (const name of ['grant_type', 'client_id', 'client_secret', 'client_assertion']) {
      const init = { address: '192.0.2.1' };
      await expectNothingEchoed(await postForm('/oauth2/token', { ...good, [name]: value }, init));
      await expectNothingEchoed(
        await postForm('/oauth2/token', { ...good, client_secret: wrong, [name]: value }, init),
      );
    }
    await expectNothingEchoed(
      await postForm('/oauth2/token', [
        [value, 'a'],
        [value, 'b'],
      ]),
    );
    const headers = { Authorization: basic(value, value) };
    await expectNothingEchoed(await postForm('/oauth2/token', { grant_type: 'client_credentials' }, { headers }));
  });

  test('T15: a secret is echoed from nowhere: a header that cannot be read, a name, a body that is no form', async () => {
    const { client_secret } = worker;
    const headers = { Authorization: `Basic ${client_secret}` };
    await expectNothingEchoed(await postForm('/oauth2/token', { grant_type: 'client_credentials' }, { headers }));
    await expectNothingEchoed(await postForm('/oauth2/token', { [client_secret]: 'a' }));
    await expectNothingEchoed(await postForm('/oauth2/token', { grant_type: client_secret }));
    await expectNothingEchoed(await postBytes(JSON.stringify({ client_secret })));
    await expectNothingEchoed(await postBytes(client_secret, { 'Content-Type': client_secret }));
  });
});

describe('any bytes', () => {
  const presentTo = (client_id: string, client_secret: string, address: string) =>
    postForm('/oauth2/token', { grant_type: 'client_credentials', client_id, client_secret }, { address });

  test('as a body are a protocol error', async () => {
    const random = seeded(1);
    for (let i = 0; i < 300; i++) {
      const bytes = random.bytes(random.below(200));
      await expectRefused(await postBytes(bytes), `[${bytes}]`);
    }
  });

  test('between the signs of a form are a protocol error, or a good request', async () => {
    const random = seeded(2);
    const pieces = ['&', '=', '%', '+', '%00', '%C3', 'scope', 'resource', 'read', identifier, ' ', 'é', '\0'] as const;
    for (let i = 0; i < 300; i++) {
      const tail = Array.from({ length: random.below(12) }, () => random.pick(pieces)).join('');
      const answer = await postBytes(`grant_type=client_credentials&${tail}`);
      if (answer.status === 200) await readToken(answer);
      else await expectRefused(answer, JSON.stringify(tail));
    }
  });

  test('as a client_id or a secret are invalid_client, by header and by body', async () => {
    const random = seeded(3);
    const text = () => String.fromCharCode(...random.bytes(1 + random.below(60)));
    for (let i = 0; i < 300; i++) {
      const [client_id, client_secret] = [text(), text()];
      const headers = { Authorization: basic(client_id, client_secret) };
      const form = { grant_type: 'client_credentials' };
      // After twenty failures of one address, the answer would be 429.
      const address = `203.0.${i >> 8}.${i & 255}`;
      const answers = [
        await postForm('/oauth2/token', form, { headers, address }),
        await postForm('/oauth2/token', { ...form, client_id, client_secret }, { address }),
        await postForm('/oauth2/token', { ...form, client_id, client_secret: worker.client_secret }, { address }),
      ];
      // After a hundred wrong secrets, the answer would be 429.
      if (i < 60) answers.push(await presentTo(api.client_id, client_secret, `198.51.100.${i}`));
      for (const answer of answers) expect(await readError(answer)).toEqual({ status: 401, error: 'invalid_client' });
    }
  });

  test('behind Basic are invalid_client', async () => {
    const random = seeded(4);
    for (let i = 0; i < 300; i++) {
      const bytes = random.bytes(random.below(80));
      const headers = { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
      const answer = await postForm('/oauth2/token', { grant_type: 'client_credentials' }, { headers });
      expect(await readError(answer), `[${bytes}]`).toEqual({ status: 401, error: 'invalid_client' });
    }
  });

  test('in the Authorization header are invalid_client', async () => {
    const random = seeded(5);
    for (let i = 0; i < 300; i++) {
      // HTTP permits no control characters. The runtime logs a warning for each value above ASCII, so one is enough.
      const [lowest, range] = i < 1 ? [0x80, 0x80] : [0x20, 0x5f];
      const value = Array.from({ length: random.below(60) }, () => String.fromCharCode(lowest + random.below(range)));
      const headers = { Authorization: value.join('') };
      const answer = await postForm('/oauth2/token', { grant_type: 'client_credentials' }, { headers });
      expect(await readError(answer), headers.Authorization).toEqual({ status: 401, error: 'invalid_client' });
    }
  });

  test('a client_id or a secret as long as the body allows is invalid_client', async () => {
    const long = 'x'.repeat(15_000);
    const form = { grant_type: 'client_credentials', ...worker };
    const answers = [
      await postForm('/oauth2/token', { ...form, client_id: long }, { address: '192.0.2.2' }),
      await presentTo(api.client_id, long, '192.0.2.2'),
    ];
    for (const answer of answers) expect(await readError(answer)).toEqual({ status: 401, error: 'invalid_client' });
  });
});
