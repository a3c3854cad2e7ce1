import type { JWK } from 'jose';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { REMOTE_KEYS_REFETCH_MIN } from '../../../src/remote-keys/constants.ts';
import { type Certificate, certificates, jwkOf, NO_CERTIFICATE, tlsOf } from '../../certificates.ts';
import { api, manage, world } from '../../http.ts';
import { asked, publish, publishJson } from '../../remote.ts';
import { newSigner } from '../../remote-keys/signers.ts';
import { readError } from '../answers.ts';
import { askOver, expectRefused, expectTaken, registry } from './mutual-tls.ts';

// RFC 8705 section 2.2: `self_signed_tls_client_auth`, by certificates that are registered or published.

const { own, twin, stranger, expired, named } = certificates;
const METHOD = 'self_signed_tls_client_auth';
const SELF_SIGNED = 'FAILED:self signed certificate';
const HOST = 'self-signed.mutual-tls.example';

let register: Awaited<ReturnType<typeof registry>>;

beforeAll(async () => {
  register = await registry('self-signed');
});

afterEach(() => void vi.useRealTimers());

const over = (certificate: Certificate, members: object = {}) =>
  tlsOf(certificate, { certVerified: SELF_SIGNED, ...members });

function clientWith(...keys: JWK[]): Promise<string> {
  return register({ token_endpoint_auth_method: METHOD, jwks: { keys } });
}

describe('a certificate that is registered', () => {
  test('is taken, whether its chain leads somewhere or not', async () => {
    const clientId = await clientWith(await jwkOf(own));
    for (const certVerified of [
      SELF_SIGNED,
      'SUCCESS',
      'FAILED:unable to get local issuer certificate',
      'FAILED:unable to verify the first certificate',
    ]) {
      await expectTaken(over(own, { certVerified }), clientId, certVerified);
    }
  });

  test('is refused where anything else is wrong with it', async () => {
    const clientId = await clientWith(await jwkOf(own));
    for (const certVerified of [
      'NONE',
      'FAILED',
      'FAILED:certificate has expired',
      'FAILED:certificate is not yet valid',
      'FAILED:certificate signature failure',
      'FAILED:certificate revoked',
      `${SELF_SIGNED} `,
      'self signed certificate',
      '',
      undefined,
      null,
      1,
    ]) {
      await expectRefused(over(own, { certVerified }), clientId, 'certificate_not_verified', String(certVerified));
    }
  });

  test('is refused once it has expired, also where Cloudflare tells first that nobody signed it', async () => {
    const clientId = await clientWith(await jwkOf(expired));
    await expectRefused(over(expired), clientId, 'certificate_not_verified');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('Jan 30 23:59:59 2020 GMT') });
    await expectTaken(over(expired), clientId);
    vi.setSystemTime(Date.parse(expired.notAfter));
    await expectRefused(over(expired), clientId, 'certificate_not_verified');
  });

  test.each([
    ['begins later', { certNotBefore: 'Jan  1 00:00:00 2099 GMT' }],
    ['has no beginning', { certNotBefore: undefined }],
    ['has no end', { certNotAfter: undefined }],
    ['ends at no time', { certNotAfter: 'never' }],
  ])('is refused where its time %s, whatever Cloudflare tells first', async (_, members) => {
    const clientId = await clientWith(await jwkOf(own));
    await expectTaken(over(own), clientId);
    await expectRefused(over(own, members), clientId, 'certificate_not_verified');
  });

  test('that was revoked is refused', async () => {
    await expectRefused(over(own, { certRevoked: '1' }), await clientWith(await jwkOf(own)), 'certificate_revoked');
  });

  test('is the one that the connection has: what is written beside its fingerprint counts for nothing', async () => {
    const clientId = await clientWith(await jwkOf(own));
    const { certRFC9440, certSubjectDNRFC2253 } = over(own) as Record<string, unknown>;
    await expectRefused(over(stranger, { certRFC9440, certSubjectDNRFC2253 }), clientId, 'no_such_certificate');
    await expectTaken(over(own, { certRFC9440: '', certRFC9440TooLarge: true }), clientId);
  });
});

test('another certificate is refused, though its key, its subject, or both are the same', async () => {
  const clientId = await clientWith(await jwkOf(own));
  for (const other of [twin, stranger, named]) {
    await expectRefused(over(other), clientId, 'no_such_certificate', other.subject);
    await expectRefused(over(other, { certVerified: 'SUCCESS' }), clientId, 'no_such_certificate', other.subject);
  }
  await expectRefused(NO_CERTIFICATE, clientId, 'no_credentials');
});

test('of several certificates that are registered each is taken', async () => {
  const clientId = await clientWith(await jwkOf(own), await jwkOf(stranger), (await newSigner('ES256')).publicJwk);
  for (const one of [own, stranger]) await expectTaken(over(one), clientId);
  await expectRefused(over(twin), clientId, 'no_such_certificate');
});

test('the first of a chain is the client’s, the others are not', async () => {
  const jwk = await jwkOf(own);
  const clientId = await clientWith({ ...jwk, x5c: [own.der, twin.der] });
  await expectTaken(over(own), clientId);
  await expectRefused(over(twin), clientId, 'no_such_certificate');
});

test('one that is taken from the client is refused from then on, and one that is given to it taken', async () => {
  const clientId = await clientWith(await jwkOf(own));
  await expectTaken(over(own), clientId);
  const body = { jwks: { keys: [await jwkOf(twin)] } };
  expect((await api('PATCH', `clients/${clientId}`, { body })).status).toBe(200);
  await expectTaken(over(twin), clientId);
  await expectRefused(over(own), clientId, 'no_such_certificate');
});

test('a client that was disabled is refused', async () => {
  const clientId = await clientWith(await jwkOf(own));
  await expectTaken(over(own), clientId);
  expect((await api('PATCH', `clients/${clientId}`, { body: { status: 'disabled' } })).status).toBe(200);
  await expectRefused(over(own), clientId, 'disabled_client');
});

test('one method is not the other: no subject stands in for the certificate, no certificate for the subject', async () => {
  const subject = { tls_client_auth_subject_dn: own.subject };
  const bySubject = await register({
    token_endpoint_auth_method: 'tls_client_auth',
    jwks: { keys: [await jwkOf(own)] },
    ...subject,
  });
  await expectTaken(tlsOf(twin), bySubject);
  await expectRefused(over(own), bySubject, 'certificate_not_verified');
  const byCertificate = await register({
    token_endpoint_auth_method: METHOD,
    jwks: { keys: [await jwkOf(own)] },
    ...subject,
  });
  await expectTaken(over(own), byCertificate);
  await expectRefused(tlsOf(twin), byCertificate, 'no_such_certificate');
});

describe('certificates that are published', () => {
  let pages = 0;

  async function published(...keys: JWK[]) {
    const path = `/${++pages}`;
    const publishKeys = (...some: JWK[]) => publishJson(HOST, path, { keys: some });
    await publishKeys(...keys);
    const clientId = await register({ token_endpoint_auth_method: METHOD, jwks_uri: `https://${HOST}${path}` });
    return { clientId, path, publish: publishKeys };
  }

  test('are taken, and no others', async () => {
    const { clientId } = await published(await jwkOf(own), await jwkOf(stranger));
    for (const one of [own, stranger]) await expectTaken(over(one), clientId);
    await expectRefused(over(twin), clientId, 'no_such_certificate');
  });

  test('roll over: one that is new is found by asking once more, one that is gone is refused', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const { clientId, path, publish: publishNow } = await published(await jwkOf(own));
    await expectTaken(over(own), clientId);
    await publishNow(await jwkOf(twin));
    vi.setSystemTime(Date.now() + (REMOTE_KEYS_REFETCH_MIN + 1) * 1000);
    await expectTaken(over(twin), clientId);
    await expectRefused(over(own), clientId, 'no_such_certificate');
    expect(await asked(HOST, path)).toBe(2);
  });

  test('have expired, or are no first one of a chain: they are refused', async () => {
    const { clientId } = await published({ ...(await jwkOf(own)), x5c: [own.der, twin.der] }, await jwkOf(expired));
    await expectTaken(over(own), clientId);
    await expectRefused(over(twin), clientId, 'no_such_certificate');
    await expectRefused(over(expired), clientId, 'certificate_not_verified');
    await expectRefused(over(own, { certVerified: 'FAILED' }), clientId, 'certificate_not_verified');
  });

  test('one that Cloudflare does not hand out is refused, and a key without a certificate is nobody’s', async () => {
    const { x5c, ...bare } = await jwkOf(own);
    for (const keys of [[await jwkOf(own)], [bare], [{ ...bare, x5c: [] }], [{ ...bare, x5c: [''] }]]) {
      const { clientId } = await published(...(keys as JWK[]));
      for (const certRFC9440 of ['', '::', undefined]) {
        await expectRefused(over(own, { certRFC9440 }), clientId, 'no_such_certificate', String(certRFC9440));
      }
    }
  });

  test('are not asked for before the certificate’s time and state are in order', async () => {
    const { clientId, path } = await published(await jwkOf(own));
    await expectRefused(over(own, { certVerified: 'FAILED' }), clientId, 'certificate_not_verified');
    await expectRefused(over(own, { certRevoked: '1' }), clientId, 'certificate_revoked');
    expect(await asked(HOST, path)).toBe(0);
  });

  test('cannot be had: the answer is 503, and tells when to come again', async () => {
    const path = '/down';
    await publish(HOST, path, { status: 500 });
    const clientId = await register({ token_endpoint_auth_method: METHOD, jwks_uri: `https://${HOST}${path}` });
    const answer = await askOver(over(own), clientId);
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(await readError(answer)).toEqual({ status: 503, error: 'temporarily_unavailable' });
  });
});

describe('at registration', () => {
  let organization_id: string;

  beforeAll(async () => {
    organization_id = (await world('self-signed-registered')).organization;
  });

  async function pointersOf(keys: unknown[]): Promise<unknown> {
    const client = { organization_id, client_name: crypto.randomUUID(), token_endpoint_auth_method: METHOD };
    const answer = await manage('clients', { ...client, jwks: { keys } });
    expect(answer.status).toBe(422);
    const { errors } = await answer.json<{ errors: { pointer: string }[] }>();
    return errors.map(({ pointer }) => pointer);
  }

  test('RFC 7517 4.7: an x5c whose first certificate is not the key’s is refused', async () => {
    const jwk = await jwkOf(own);
    const pem = `-----BEGIN CERTIFICATE-----\n${own.der}\n-----END CERTIFICATE-----`;
    for (const x5c of [
      [stranger.der],
      [stranger.der, own.der],
      [],
      [''],
      [7],
      own.der,
      { 0: own.der },
      [pem],
      [own.der.replaceAll('+', '-').replaceAll('/', '_').slice(0, -8)],
      [own.der.slice(0, -40)],
      ['AAAA'],
      [btoa('x'.repeat(300))],
      null,
    ]) {
      expect(await pointersOf([{ ...jwk, x5c }]), JSON.stringify(x5c)).toContain('/jwks/keys/0');
    }
    expect(await pointersOf([jwk, { ...(await jwkOf(stranger)), x5c: [own.der] }])).toContain('/jwks/keys/1');
  });

  test('a key without a certificate is not enough', async () => {
    expect(await pointersOf([(await newSigner('ES256')).publicJwk])).toEqual(['/jwks']);
  });
});
