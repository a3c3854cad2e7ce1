import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { describe, expect, test } from 'vitest';
import { RESOURCE, startLoop } from './management.ts';

const loop = startLoop();

// A test on loopback uses plain http, which the library must be told to allow.
const insecure = { [oauth.allowInsecureRequests]: true };

const METHODS = { client_secret_basic: oauth.ClientSecretBasic, client_secret_post: oauth.ClientSecretPost };
const DISCOVERIES = ['oauth2', 'oidc'] as const;

describe.each(DISCOVERIES)('oauth4webapi, by %s discovery alone', (algorithm) => {
  test.each(Object.entries(METHODS))('goes round the whole loop with %s', async (_, authenticate) => {
    const issuer = new URL(loop.edgemint.issuer);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
    const as = await oauth.processDiscoveryResponse(issuer, discovered);
    const client = { client_id: loop.machine.client_id };
    const clientAuth = authenticate(loop.machine.client_secret);

    const parameters = new URLSearchParams({ scope: 'orders:read', resource: RESOURCE });
    const granted = await oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(as, client, clientAuth, parameters, insecure),
    );
    expect(granted).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'orders:read' });

    const jwks = createRemoteJWKSet(new URL(as.jwks_uri ?? ''));
    const { payload } = await jwtVerify(granted.access_token, jwks, {
      issuer: as.issuer,
      audience: RESOURCE,
      typ: 'at+jwt',
    });
    expect(payload).toMatchObject({ client_id: loop.machine.client_id, scope: 'orders:read' });

    const introspected = async () => {
      const caller = { client_id: loop.api.client_id };
      const asCaller = authenticate(loop.api.client_secret);
      const response = await oauth.introspectionRequest(as, caller, asCaller, granted.access_token, insecure);
      return oauth.processIntrospectionResponse(as, caller, response);
    };
    expect(await introspected()).toMatchObject({ active: true, client_id: loop.machine.client_id, aud: RESOURCE });
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, clientAuth, granted.access_token, insecure),
    );
    expect(await introspected()).toEqual({ active: false });
  });

  test('tells a wrong secret as an OAuth error with its challenge', async () => {
    const issuer = new URL(loop.edgemint.issuer);
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm, ...insecure }),
    );
    const client = { client_id: loop.machine.client_id };
    const wrong = oauth.ClientSecretBasic(`${loop.machine.client_secret}x`);
    const response = await oauth.clientCredentialsGrantRequest(as, client, wrong, new URLSearchParams(), insecure);
    await expect(oauth.processClientCredentialsResponse(as, client, response)).rejects.toMatchObject({
      code: oauth.WWW_AUTHENTICATE_CHALLENGE,
      status: 401,
    });
  });
});

test('oauth4webapi validates one of our access tokens as a resource server does (RFC 9068)', async () => {
  const issuer = new URL(loop.edgemint.issuer);
  const as = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
  );
  const client = { client_id: loop.machine.client_id };
  const auth = oauth.ClientSecretBasic(loop.machine.client_secret);
  const granted = await oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(as, client, auth, new URLSearchParams(), insecure),
  );
  const request = new Request('https://orders.example.com/orders', {
    headers: { Authorization: `Bearer ${granted.access_token}` },
  });
  const claims = await oauth.validateJwtAccessToken(as, request, RESOURCE, insecure);
  expect(claims).toMatchObject({
    iss: loop.edgemint.issuer,
    client_id: loop.machine.client_id,
    scope: 'orders:read orders:write',
  });
});
