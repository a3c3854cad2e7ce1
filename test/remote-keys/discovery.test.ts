import { describe, expect, test } from 'vitest';
import { RemoteKeys } from '../../src/remote-keys/remote-keys.ts';
import { asked, publishIssuer, publishJson } from '../remote.ts';
import { faultOf } from './faults.ts';
import { newSigner, signersOf } from './signers.ts';

const CONFIGURATION = '/.well-known/openid-configuration';

let hosts = 0;

function newHost(): string {
  return `issuer-${++hosts}.discovery.example`;
}

function find(issuer: string): Promise<CryptoKey[]> {
  return new RemoteKeys().find({ issuer }, { alg: 'RS256', kid: 'a' }, Date.now());
}

test("an issuer's keys are where its discovery document says, below its path, and on another host as well", async () => {
  const signer = await newSigner('RS256', { kid: 'a' });
  const [host, other] = [newHost(), newHost()];
  const issuer = await publishIssuer(host, [signer.publicJwk], '/id/EXAMPLE');
  expect(await signersOf(await find(issuer), [signer])).toEqual([0]);

  await publishJson(host, `/id/EXAMPLE${CONFIGURATION}`, { issuer, jwks_uri: `https://${other}/certs` });
  await publishJson(other, '/certs', { keys: [signer.publicJwk] });
  expect(await signersOf(await find(issuer), [signer])).toEqual([0]);
  expect(await asked(other, '/certs')).toBe(1);
});

test('an issuer whose name ends with a slash is asked without it, and keeps it', async () => {
  const signer = await newSigner('RS256', { kid: 'a' });
  const host = newHost();
  await publishIssuer(host, [signer.publicJwk]);
  expect(await faultOf(find(`https://${host}/`))).toBe('issuer');
  await publishJson(host, CONFIGURATION, { issuer: `https://${host}/`, jwks_uri: `https://${host}/jwks` });
  expect(await find(`https://${host}/`)).toHaveLength(1);
  expect(await faultOf(find(`https://${host}`))).toBe('issuer');
});

describe("a discovery document is believed only where it is byte for byte that issuer's", () => {
  test.each<[string, (issuer: string) => unknown]>([
    ['another', () => 'https://token.actions.githubusercontent.com'],
    ['one in other letters', (issuer) => issuer.toUpperCase()],
    ['one with a slash more', (issuer) => `${issuer}/`],
    ['one with a space more', (issuer) => `${issuer} `],
    ['a list', (issuer) => [issuer]],
    ['nothing', () => undefined],
    ['null', () => null],
  ])('%s', async (_, named) => {
    const host = newHost();
    const issuer = await publishIssuer(host, [(await newSigner('RS256', { kid: 'a' })).publicJwk]);
    expect(await find(issuer)).toHaveLength(1);
    await publishJson(host, CONFIGURATION, { issuer: named(issuer), jwks_uri: `${issuer}/jwks` });
    expect(await faultOf(find(issuer))).toBe('issuer');
    expect(await asked(host, '/jwks')).toBe(1);
  });
});

describe('where a discovery document leads is fetched by the same rules', () => {
  test.each([
    'http://issuer.discovery.example/jwks',
    'https://127.0.0.1/jwks',
    'https://2130706433/jwks',
    'https://[::1]/jwks',
    'https://169.254.169.254/latest/meta-data/',
    'https://metadata.google.internal/computeMetadata/v1/',
    'https://localhost/jwks',
    'https://user@issuer.discovery.example/jwks',
    'https://issuer.discovery.example:22/jwks',
    'data:application/json,{"keys":[]}',
    '/jwks',
    '',
  ])('%s', async (jwks_uri) => {
    const host = newHost();
    await publishJson(host, CONFIGURATION, { issuer: `https://${host}`, jwks_uri });
    expect(await faultOf(find(`https://${host}`))).toBe('address');
  });

  test('with no redirect, and within the limits', async () => {
    const host = newHost();
    const issuer = await publishIssuer(host, []);
    await publishJson(host, '/jwks', {}, { status: 307, headers: { Location: 'https://127.0.0.1/' } });
    expect(await faultOf(find(issuer))).toBe('redirect');
    await publishJson(host, '/jwks', {}, { body: ' '.repeat(16_384), times: null });
    expect(await faultOf(find(issuer))).toBe('too_large');
    await publishJson(host, CONFIGURATION, {}, { status: 302, headers: { Location: `https://${host}/jwks` } });
    expect(await faultOf(find(issuer))).toBe('redirect');
  });
});

test.each<[unknown]>([[null], [[]], ['issuer'], [1]])(
  'a discovery document that is %j is refused',
  async (document) => {
    const host = newHost();
    await publishJson(host, CONFIGURATION, document);
    expect(await faultOf(find(`https://${host}`))).toBe('malformed');
  },
);

test.each<[unknown]>([[undefined], [null], [1], [['https://issuer.discovery.example/jwks']]])(
  'a discovery document whose jwks_uri is %j is refused',
  async (jwks_uri) => {
    const host = newHost();
    await publishJson(host, CONFIGURATION, { issuer: `https://${host}`, jwks_uri });
    expect(await faultOf(find(`https://${host}`))).toBe('malformed');
  },
);

test('an issuer that is no place to ask at is not asked', async () => {
  const host = newHost();
  await publishJson(host, '/', {});
  for (const issuer of [
    `https://${host}/?a=b`,
    `https://${host}?`,
    `https://${host}/#a`,
    `http://${host}`,
    'https://[::1]',
  ]) {
    expect(await faultOf(find(issuer))).toBe('address');
  }
  expect(await asked(host, '/')).toBe(0);
});
