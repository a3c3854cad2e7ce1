import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { REMOTE_DEADLINE_MS } from '../../../src/remote-keys/constants.ts';
import { manage } from '../../http.ts';
import { startNewIsolate } from '../../instruments.ts';
import { askWith, assertionOf, keyWorld } from '../../machines.ts';
import { type Play, publish, seen } from '../../remote.ts';

const HOST = 'keys.hostile.example';
const MEBIBYTE = 2 ** 20;

/** Returns everything of an answer that does not differ between two equal requests. */
async function comparable(response: Response): Promise<unknown> {
  const headers = Object.fromEntries(response.headers);
  delete headers['x-request-id'];
  return { status: response.status, headers, body: await response.text() };
}

const PLAYS: Record<string, Play> = {
  'is down': { status: 500 },
  'says that it is gone': { status: 404 },
  'redirects to loopback': { status: 302, headers: { Location: 'https://127.0.0.1/jwks' } },
  'redirects to metadata': { status: 307, headers: { Location: 'http://169.254.169.254/latest/meta-data/' } },
  'never ends': { body: ' '.repeat(16_384), times: null },
  'takes for ever to begin': { delayMs: 60_000 },
  drips: { body: ' ', times: null, dripMs: 200 },
  'is a page': { body: '<html></html>', headers: { 'Content-Type': 'text/html' } },
  'is no JSON': { body: '{"keys":[' },
  'is no set of keys': { body: '"keys"' },
  'breaks off': { breaks: 'at_once' },
};

const ADDRESSES = [
  'https://2130706433/jwks',
  'https://0x7f000001/jwks',
  'https://0177.0.0.1/jwks',
  'https://127.1/jwks',
  'https://127.0.0.1/jwks',
  'https://10.0.0.1/jwks',
  'https://169.254.169.254/latest/meta-data/',
  'https://[::1]/jwks',
  'https://[::ffff:127.0.0.1]/jwks',
  'https://[fe80::1]/jwks',
  'https://localhost/jwks',
  'https://metadata.google.internal/computeMetadata/v1/',
  'https://keys.hostile.example./jwks',
  'http://keys.hostile.example/jwks',
  'file:///etc/passwd',
];

let clients = 0;

/** Registers a client with this `jwks_uri`, which nothing has fetched yet, and returns the answer to its own assertion. */
async function answerFor(jwksUri: string): Promise<{ answer: unknown; ms: number }> {
  const { signer, clientId } = await keyWorld(`hostile-${++clients}`, {
    jwks: undefined,
    jwks_uri: `https://${HOST}/registered-${clients}`,
  });
  await env.DB.prepare('UPDATE clients SET jwks_uri = ? WHERE client_id = ?').bind(jwksUri, clientId).run();
  startNewIsolate();
  const begun = performance.now();
  const response = await askWith(await assertionOf(clientId, signer));
  return { answer: await comparable(response), ms: performance.now() - begun };
}

test('whatever is at the address of a client’s keys, the answer is one, soon, and little was read', async () => {
  const answers = new Map<string, unknown>();
  for (const [name, play] of Object.entries(PLAYS)) {
    const path = `/${encodeURIComponent(name)}`;
    await publish(HOST, path, play);
    const { answer, ms } = await answerFor(`https://${HOST}${path}`);
    answers.set(name, answer);
    // Several fetches may each run into the deadline, and the machine may be busy.
    expect(ms, name).toBeLessThan(10 * REMOTE_DEADLINE_MS);
    expect((await seen(HOST, path)).sent, name).toBeLessThan(16 * MEBIBYTE);
  }
  const [first] = answers.values();
  expect(first).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) } });
  for (const [name, answer] of answers) expect(answer, name).toEqual(first);
  for (const address of ADDRESSES) expect((await answerFor(address)).answer, address).toEqual(first);
});

test.each(ADDRESSES)('%s is not registered', async (jwks_uri) => {
  const { organization } = await keyWorld(`hostile-${++clients}`);
  const fields = {
    organization_id: organization,
    client_name: 'hostile',
    token_endpoint_auth_method: 'private_key_jwt',
  };
  const answer = await manage('clients', { ...fields, jwks_uri });
  expect(answer.status).toBe(422);
  expect(await answer.json()).toMatchObject({ errors: [{ pointer: '/jwks_uri' }] });
});
