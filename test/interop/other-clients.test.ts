import { OAuth2Client } from '@badgateway/oauth2-client';
import { decodeJwt } from 'jose';
// @ts-expect-error it ships no types
import { ClientCredentials } from 'simple-oauth2';
import { expect, test } from 'vitest';
import { RESOURCE, type RegisteredClient, startLoop } from './management.ts';

const loop = startLoop();

test.each(['client_secret_basic', 'client_secret_post'] as const)(
  '@badgateway/oauth2-client gets, introspects and revokes a token with %s, by discovery alone',
  async (authenticationMethod) => {
    const settings = ({ client_id, client_secret }: RegisteredClient) => ({
      server: loop.edgemint.issuer,
      discoveryEndpoint: `${loop.edgemint.issuer}/.well-known/oauth-authorization-server`,
      clientId: client_id,
      clientSecret: client_secret,
      authenticationMethod,
    });
    const asMachine = new OAuth2Client(settings(loop.machine));
    const asApi = new OAuth2Client(settings(loop.api));
    const token = await asMachine.clientCredentials({ scope: ['orders:read'], resource: RESOURCE });
    expect(decodeJwt(token.accessToken)).toMatchObject({ aud: RESOURCE, scope: 'orders:read' });
    expect(await asApi.introspect(token)).toMatchObject({ active: true, client_id: loop.machine.client_id });
    await asMachine.revoke(token);
    expect(await asApi.introspect(token)).toEqual({ active: false });
  },
);

test.each(['header', 'body'] as const)(
  'simple-oauth2 gets a token, its credentials in the %s',
  async (authorizationMethod) => {
    const machineClient = new ClientCredentials({
      client: { id: loop.machine.client_id, secret: loop.machine.client_secret },
      auth: { tokenHost: loop.edgemint.issuer, tokenPath: '/oauth2/token' },
      options: { authorizationMethod },
    });
    const { token } = await machineClient.getToken({ scope: ['orders:read', 'orders:write'] });
    expect(decodeJwt(token.access_token)).toMatchObject({ aud: RESOURCE, scope: 'orders:read orders:write' });
  },
);
