import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { expect, test } from 'vitest';
import { type Fetch, tokenSource } from '../../src/sdk/client.ts';
import { RESOURCE, startLoop } from './management.ts';

// The local runtime does not terminate TLS. So each request carries the data that Cloudflare would add about the connection's certificate;
// the libraries do everything else.

const loop = startLoop();

const SUBJECT = 'CN=machine,O=Example';
const FINGERPRINT = 'c0ffee'.padEnd(64, '0');
const THUMBPRINT = Buffer.from(FINGERPRINT, 'hex').toString('base64url');

const FIELDS = {
  token_endpoint_auth_method: 'tls_client_auth',
  tls_client_auth_subject_dn: SUBJECT,
  tls_client_certificate_bound_access_tokens: true,
  introspects: [RESOURCE],
};

/** Returns a fetch function whose requests come over a connection with a certificate of this subject. */
function fetchAs(subject: string) {
  const tlsClientAuth = {
    certPresented: '1',
    certVerified: 'SUCCESS',
    certRevoked: '0',
    certFingerprintSHA256: FINGERPRINT,
    certSubjectDNRFC2253: subject,
  };
  return async (url: string, options: oauth.CustomFetchOptions<string, unknown>) => {
    const { method, headers, body } = options as { method: string; headers: Record<string, string>; body?: string };
    const text = body === undefined ? {} : { body: String(body) };
    const response = await loop.edgemint.dispatch(url, { method, headers, ...text, cf: { tlsClientAuth } as never });
    return new Response(await response.text(), {
      status: response.status,
      headers: Object.fromEntries(response.headers),
    });
  };
}

test('openid-client gets, introspects and revokes a token bound to its certificate with tls_client_auth', async () => {
  const { client_id } = await loop.registerMachine(FIELDS);
  const config = await client.discovery(new URL(loop.edgemint.issuer), client_id, undefined, client.TlsClientAuth(), {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
    [client.customFetch]: fetchAs(SUBJECT) as client.CustomFetch,
  });
  const { access_token, token_type } = await client.clientCredentialsGrant(config);
  expect(token_type).toBe('bearer');
  const introspect = () => client.tokenIntrospection(config, access_token);
  expect(await introspect()).toMatchObject({ active: true, client_id, cnf: { 'x5t#S256': THUMBPRINT } });
  await client.tokenRevocation(config, access_token);
  expect(await introspect()).toEqual({ active: false });
});

test.each([
  [SUBJECT, 200],
  ['CN=another,O=Example', 401],
])('oauth4webapi with tls_client_auth and a certificate of %s: %i', async (subject, status) => {
  const { client_id } = await loop.registerMachine(FIELDS);
  const issuer = new URL(loop.edgemint.issuer);
  const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetchAs(subject) };
  const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options });
  const as = await oauth.processDiscoveryResponse(issuer, discovered);
  const asked = await oauth.clientCredentialsGrantRequest(as, { client_id }, oauth.TlsClientAuth(), {}, options);
  expect(asked.status).toBe(status);
});

test('edgemint-sdk gets a token bound to the certificate of its fetch, and none with another certificate', async () => {
  const { client_id } = await loop.registerMachine(FIELDS);
  const sourceAs = (subject: string) =>
    tokenSource({
      issuer: loop.edgemint.issuer,
      client: { id: client_id, certificate: true },
      fetch: fetchAs(subject) as unknown as Fetch,
    });
  const { access_token } = await sourceAs(SUBJECT).token();
  expect(decodeJwt(access_token)).toMatchObject({ client_id, cnf: { 'x5t#S256': THUMBPRINT } });
  const refused = sourceAs('CN=another,O=Example').token();
  await expect(refused).rejects.toMatchObject({ code: 'invalid_client', status: 401, isTemporary: false });
});
