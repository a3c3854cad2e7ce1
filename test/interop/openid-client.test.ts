import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { describe, expect, test } from 'vitest';
import { RESOURCE, type RegisteredClient, startLoop } from './management.ts';

const loop = startLoop();

const METHODS = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost };
const DISCOVERIES = ['oauth2', 'oidc'] as const;

describe.each(DISCOVERIES)('openid-client, by %s discovery alone', (algorithm) => {
  test.each(Object.entries(METHODS))('goes round the whole loop with %s', async (_, authenticate) => {
    const discover = ({ client_id, client_secret }: RegisteredClient) =>
      client.discovery(new URL(loop.edgemint.issuer), client_id, undefined, authenticate(client_secret), {
        algorithm,
        // A test on loopback uses plain http, which the library must be told to allow.
        execute: [client.allowInsecureRequests],
      });
    const asMachine = await discover(loop.machine);
    const asApi = await discover(loop.api);

    const granted = await client.clientCredentialsGrant(asMachine, { scope: 'orders:write', resource: RESOURCE });
    expect(granted).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'orders:write' });

    const { issuer, jwks_uri } = asMachine.serverMetadata();
    const jwks = createRemoteJWKSet(new URL(jwks_uri ?? ''));
    const { payload } = await jwtVerify(granted.access_token, jwks, { issuer, audience: RESOURCE, typ: 'at+jwt' });
    expect(payload).toMatchObject({ client_id: loop.machine.client_id, scope: 'orders:write' });

    const introspect = () => client.tokenIntrospection(asApi, granted.access_token);
    expect(await introspect()).toMatchObject({ active: true, client_id: loop.machine.client_id, aud: RESOURCE });
    await client.tokenRevocation(asMachine, granted.access_token);
    expect(await introspect()).toEqual({ active: false });
  });
});
