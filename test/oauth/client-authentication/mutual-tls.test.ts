import { beforeAll, describe, expect, test } from 'vitest';
import { certificates, NO_CERTIFICATE, tlsOf } from '../../certificates.ts';
import { introspect, send, world } from '../../http.ts';
import { calls, resetCalls, startNewIsolate } from '../../instruments.ts';
import { ask, askWith, assertionOf, keyWorld } from '../../machines.ts';
import { newSigner } from '../../remote-keys/signers.ts';
import { readError, readToken } from '../answers.ts';
import {
  anyAddress,
  askOver,
  askWithHeaders,
  expectRefused,
  expectTaken,
  expectUnauthenticated,
  registry,
} from './mutual-tls.ts';

// RFC 8705 section 2, for both methods: the source of the certificate, and the other parts of the request.

const { named, own } = certificates;
const METHOD = 'tls_client_auth';

let register: Awaited<ReturnType<typeof registry>>;
let clientId: string;

beforeAll(async () => {
  register = await registry('mutual-tls');
  clientId = await register({ token_endpoint_auth_method: METHOD, tls_client_auth_subject_dn: named.subject });
});

test('RFC 8705 2: a client gets a token with its client_id and the certificate of the connection', async () => {
  const { answer } = await readToken(await askOver(tlsOf(named), clientId));
  expect(answer).toMatchObject({ token_type: 'Bearer', scope: 'read' });
});

test('a warm one makes one gate call, and asks no other store; in a new isolate it makes one more', async () => {
  await expectTaken(tlsOf(named), clientId);
  resetCalls();
  await expectTaken(tlsOf(named), clientId);
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
  startNewIsolate();
  await send('/.well-known/jwks.json');
  resetCalls();
  await expectTaken(tlsOf(named), clientId);
  expect(calls.gate).toBe(2);
});

test('it is a connection’s, and is not used up: the same one gives as many tokens as are asked for', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => askOver(tlsOf(named), clientId)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});

test('a certificate without a client_id authenticates nobody', async () => {
  const request = () => ask({ grant_type: 'client_credentials' }, { tls: tlsOf(named) });
  await expectUnauthenticated(request, 'no_credentials');
});

test('a client_id without a certificate authenticates nobody', async () => {
  await expectRefused(undefined, clientId, 'no_credentials');
  await expectRefused(NO_CERTIFICATE, clientId, 'no_credentials');
});

test('a client that there is not is not told from one that has another certificate', async () => {
  const invented = `${clientId.slice(0, -1)}${clientId.endsWith('a') ? 'b' : 'a'}`;
  await expectRefused(tlsOf(named), invented, 'unknown_client');
  await expectRefused(tlsOf(named), 'brought-along', 'unknown_client');
  await expectRefused(tlsOf(certificates.own), clientId, 'no_such_certificate');
});

test('a client that is registered for something else is not authenticated by a certificate, whatever its subject', async () => {
  for (const fields of [
    { tls_client_auth_subject_dn: named.subject },
    {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [(await newSigner('ES256')).publicJwk] },
      tls_client_auth_subject_dn: named.subject,
    },
  ]) {
    await expectRefused(tlsOf(named), await register(fields), 'method_not_registered');
  }
});

test('a client that may authenticate otherwise as well is authenticated by its certificate', async () => {
  const both = await register({ additional_auth_methods: [METHOD], tls_client_auth_subject_dn: named.subject });
  await expectTaken(tlsOf(named), both);
});

describe('what Cloudflare tells of the connection', () => {
  test('that no certificate was presented is believed, whatever else it tells', async () => {
    for (const certPresented of ['0', '', 1, true, undefined, null, 'true']) {
      await expectRefused(tlsOf(named, { certPresented }), clientId, 'no_credentials', String(certPresented));
    }
  });

  test('a certificate that was revoked is refused, and one of which nobody knows', async () => {
    for (const certRevoked of ['1', '', 0, false, undefined, null, '00', 'false']) {
      await expectRefused(tlsOf(named, { certRevoked }), clientId, 'certificate_revoked', String(certRevoked));
    }
  });

  test('a fingerprint that is none is no certificate', async () => {
    const { fingerprint } = named;
    const colons = fingerprint.replace(/(..)(?=.)/g, '$1:');
    for (const text of [
      '',
      undefined,
      7,
      fingerprint.slice(1),
      `${fingerprint}00`,
      `${fingerprint}\n`,
      colons,
      named.x5t,
    ]) {
      await expectRefused(tlsOf(named, { certFingerprintSHA256: text }), clientId, 'no_credentials', String(text));
    }
    await expectTaken(tlsOf(named, { certFingerprintSHA256: fingerprint.toUpperCase() }), clientId);
  });

  test('of another form than it has authenticates nobody', async () => {
    for (const tlsClientAuth of [null, undefined, '', 'SUCCESS', 1, true, [], {}, [tlsOf(named)]]) {
      const request = () => askWithHeaders({}, clientId, { tlsClientAuth });
      await expectUnauthenticated(request, 'no_credentials', JSON.stringify(tlsClientAuth));
    }
    await expectUnauthenticated(() => askWithHeaders({}, clientId, tlsOf(named)), 'no_credentials');
  });

  test('members that it does not have count for nothing', async () => {
    const { certPresented, ...rest } = tlsOf(named) as Record<string, unknown>;
    await expectRefused({ ...rest, certpresented: '1', CertPresented: '1' }, clientId, 'no_credentials');
  });
});

test('RFC 8705 6.5: no header tells of a certificate', async () => {
  const { der, fingerprint, subject } = named;
  const headers = {
    'Client-Cert': `:${der}:`,
    'X-Client-Cert': der,
    'X-SSL-Client-Cert': der,
    'X-SSL-Client-Verify': 'SUCCESS',
    'X-SSL-Client-S-DN': subject,
    'X-SSL-Client-Fingerprint': fingerprint,
    'X-Forwarded-Client-Cert': `Hash=${fingerprint};Subject="${subject}"`,
    'X-ARR-ClientCert': der,
    'SSL-Client-Cert': der,
    'Cf-Client-Cert': der,
    'Cf-Client-Cert-Der-Base64': der,
    'Cf-Client-Cert-Sha256': fingerprint,
    'Cf-Cert-Presented': 'true',
    'Cf-Cert-Verified': 'true',
    'Cf-Cert-Revoked': 'false',
    'Cf-Cert-Subject-DN': subject,
    'Cf-Tls-Client-Auth': JSON.stringify(tlsOf(named)),
    'Cf-Mtls-Sha256': fingerprint,
  };
  await expectUnauthenticated(() => askWithHeaders(headers, clientId), 'no_credentials');
  for (const [name, value] of Object.entries(headers)) {
    await expectUnauthenticated(() => askWithHeaders({ [name]: value }, clientId), 'no_credentials', name);
  }
  // Nor do the headers override the certificate of the connection.
  const cf = { tlsClientAuth: tlsOf(own) };
  await expectUnauthenticated(() => askWithHeaders(headers, clientId, cf), 'no_such_certificate');
});

test('no parameter tells of a certificate', async () => {
  const { der, fingerprint, subject } = named;
  const form = { client_certificate: der, certFingerprintSHA256: fingerprint, certSubjectDNRFC2253: subject };
  await expectUnauthenticated(() => askOver(undefined, clientId, { ...form, certPresented: '1' }), 'no_credentials');
});

describe('beside another method', () => {
  test('RFC 6749 2.3: a certificate is no second method, whatever is wrong with it', async () => {
    const { worker } = await world('mutual-tls-beside');
    const { signer, clientId: keyed } = await keyWorld('mutual-tls-beside-key');
    for (const members of [{}, { certRevoked: '1' }, { certVerified: 'FAILED:certificate has expired' }]) {
      const tls = tlsOf(named, members);
      await readToken(await ask({ grant_type: 'client_credentials', ...worker }, { tls }));
      const assertion = await assertionOf(keyed, signer);
      await readToken(await askWith(assertion, {}, { tls }));
    }
  });

  test('a certificate does not stand in for a credential that is wrong', async () => {
    const { worker } = await world('mutual-tls-wrong', {
      additional_auth_methods: [METHOD],
      tls_client_auth_subject_dn: named.subject,
    });
    const client_secret = `${worker.client_secret.slice(0, -1)}!`;
    const form = { grant_type: 'client_credentials', ...worker, client_secret };
    expect(await readError(await ask(form, { tls: tlsOf(named) }))).toEqual({ status: 401, error: 'invalid_client' });
    const assertion = await assertionOf(worker.client_id, await newSigner('ES256'));
    const asserted = await askWith(assertion, {}, { tls: tlsOf(named), address: anyAddress() });
    expect(await readError(asserted)).toEqual({ status: 401, error: 'invalid_client' });
    const header = { Authorization: 'Basic nonsense' };
    const answer = await askWithHeaders(header, worker.client_id, { tlsClientAuth: tlsOf(named) });
    expect(await readError(answer)).toEqual({ status: 401, error: 'invalid_client' });
  });
});

describe('at the other endpoints', () => {
  test('a client revokes its own token by its certificate, and nobody else’s', async () => {
    const { organization, identifier, api } = await world('mutual-tls-revokes');
    const grants = [{ resource_server: identifier, scopes: ['read'] }];
    const fields = { organization_id: organization, token_endpoint_auth_method: METHOD, grants };
    const mine = await register({ ...fields, tls_client_auth_subject_dn: named.subject });
    const { answer } = await readToken(await askOver(tlsOf(named), mine));
    const revokeOver = (certificate: typeof named | typeof own) =>
      ask({ client_id: mine, token: answer.access_token }, { tls: tlsOf(certificate), path: '/oauth2/revoke' });
    const isActive = async () => (await introspect(api, answer.access_token)).json();
    expect((await revokeOver(own)).status).toBe(401);
    expect(await isActive()).toMatchObject({ active: true });
    expect((await revokeOver(named)).status).toBe(200);
    expect(await isActive()).toEqual({ active: false });
  });

  test('a client introspects by its certificate', async () => {
    const { worker, organization, identifier } = await world('mutual-tls-introspects');
    const caller = await register({
      organization_id: organization,
      token_endpoint_auth_method: METHOD,
      tls_client_auth_subject_dn: named.subject,
      grants: [],
      introspects: [identifier],
    });
    const { answer } = await readToken(await ask({ grant_type: 'client_credentials', ...worker }));
    const introspectOver = (tls: object) =>
      ask({ client_id: caller, token: answer.access_token }, { tls, path: '/oauth2/introspect' });
    expect(await (await introspectOver(tlsOf(named))).json()).toMatchObject({ active: true });
    expect((await introspectOver(tlsOf(own))).status).toBe(401);
    expect((await introspectOver(NO_CERTIFICATE)).status).toBe(401);
  });
});

test('the metadata name both methods, for every endpoint that takes them', async () => {
  const metadata = await (await send('/.well-known/oauth-authorization-server')).json<Record<string, unknown>>();
  for (const endpoint of ['token', 'introspection', 'revocation']) {
    expect(metadata[`${endpoint}_endpoint_auth_methods_supported`]).toEqual(
      expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']),
    );
  }
  // RFC 8705 section 3.3
  expect(metadata.tls_client_certificate_bound_access_tokens).toBe(true);
});
