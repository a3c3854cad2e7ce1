import {
  ConfidentialClientApplication,
  type INetworkModule,
  type NetworkRequestOptions,
  ProtocolMode,
} from '@azure/msal-node';
import { OAuth2Client } from '@badgateway/oauth2-client';
import { decodeJwt } from 'jose';
// @ts-expect-error it ships no types
import { ClientCredentials } from 'simple-oauth2';
import { expect, test } from 'vitest';
import { startEdgemint } from '../harness/edgemint.ts';
import { RESOURCE, type RegisteredClient, register, startLoop } from './management.ts';

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

// It takes an authority with `https` only, so its requests go where a proxy that terminates TLS would send them.
test('msal-node gets a token, by discovery alone', async () => {
  const authority = 'https://auth.example.com/tenant';
  const edgemint = await startEdgemint({ issuer: authority });
  try {
    const send = async <T>(method: string, url: string, { headers = {}, body }: NetworkRequestOptions = {}) => {
      const response = await fetch(url.replace('https://auth.example.com', edgemint.address), {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      const answered = Object.fromEntries(response.headers);
      return { status: response.status, headers: answered, body: (await response.json()) as T };
    };
    const networkClient: INetworkModule = {
      sendGetRequestAsync: (url, options) => send('GET', url, options),
      sendPostRequestAsync: (url, options) => send('POST', url, options),
    };
    const issuer = `${edgemint.address}/tenant`;
    const { machine } = await register({ issuer, rootApiKey: edgemint.rootApiKey });
    const application = new ConfidentialClientApplication({
      auth: {
        clientId: machine.client_id,
        clientSecret: machine.client_secret,
        authority,
        knownAuthorities: ['auth.example.com'],
      },
      system: { protocolMode: ProtocolMode.OIDC, networkClient },
    });
    const token = await application.acquireTokenByClientCredential({ scopes: ['orders:read'] });
    expect(decodeJwt(token?.accessToken ?? '')).toMatchObject({ iss: authority, aud: RESOURCE, scope: 'orders:read' });
  } finally {
    await edgemint.stop();
  }
});
