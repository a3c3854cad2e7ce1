import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

// oidc-provider in its own process, with its in-memory adapter. Its client credentials tokens are ES256 JWTs, as Edgemint's are.
// Arguments: port, client_id, client_secret, resource, scope.

const [port, client_id, client_secret, resource, scope] = process.argv.slice(2);

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { client_id, client_secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope },
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }] },
  scopes: scope?.split(' '),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope,
        audience: resource,
        accessTokenTTL: 3600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

createServer(provider.callback()).listen(Number(port), '127.0.0.1', () => process.send?.('listening'));
// Without its parent, nothing would stop this process.
process.on('disconnect', () => process.exit());
