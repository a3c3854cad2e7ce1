import { generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint, createRemoteJWKSet, exportJWK, type JWK, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { Issuer } from 'openid-client-5';
import { describe, expect, test } from 'vitest';
import { ALGS, newKey } from './keys.ts';
import { RESOURCE, startLoop } from './management.ts';

// Unmodified libraries, configured with only the issuer, their client_id and their key.

const loop = startLoop();

// A test on loopback uses plain http, which the library must be told to allow.
const insecure = { [oauth.allowInsecureRequests]: true };

const NONCES = [
  ['a nonce is required', true],
  ['no nonce is required', false],
] as const;

async function discover(algorithm: 'oauth2' | 'oidc' = 'oauth2') {
  const issuer = new URL(loop.edgemint.issuer);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...insecure }));
}

/** Verifies a token like a resource server that knows only the metadata. @returns its claims */
async function verified(token: string, { issuer, jwks_uri = '' }: { issuer: string; jwks_uri?: string | undefined }) {
  const jwks = createRemoteJWKSet(new URL(jwks_uri));
  const { payload } = await jwtVerify(token, jwks, { issuer, audience: RESOURCE, typ: 'at+jwt' });
  return payload;
}

describe.each(ALGS)('private_key_jwt and DPoP with %s', (alg) => {
  describe.each(NONCES)('where %s', (_, dpop_nonce_required) => {
    const fields = { dpop_bound_access_tokens: true, dpop_nonce_required };

    test('oauth4webapi gets a bound token, uses it, introspects and revokes it', async () => {
      const as = await discover();
      const { privateKey, registration } = await newKey(alg);
      const machine: oauth.Client = await loop.registerMachine({ ...registration, ...fields });
      const api: oauth.Client = await loop.registerMachine({ ...registration, introspects: [RESOURCE] });
      const authenticate = oauth.PrivateKeyJwt(privateKey);
      const DPoP = oauth.DPoP(machine, await oauth.generateKeyPair(alg));

      let challenges = 0;
      const grant = async (): Promise<oauth.TokenEndpointResponse> => {
        const options = { DPoP, ...insecure };
        const asked = await oauth.clientCredentialsGrantRequest(as, machine, authenticate, {}, options);
        return oauth.processClientCredentialsResponse(as, machine, asked).catch((error) => {
          if (!oauth.isDPoPNonceError(error) || ++challenges > 1) throw error;
          return grant();
        });
      };
      const { access_token, token_type } = await grant();
      expect([token_type, challenges]).toEqual(['dpop', dpop_nonce_required ? 1 : 0]);
      // The nonce that came with the token is also valid for the next request.
      await grant();
      expect(challenges).toBe(dpop_nonce_required ? 1 : 0);

      const jkt = await DPoP.calculateThumbprint();
      expect(await verified(access_token, as)).toMatchObject({ client_id: machine.client_id, cnf: { jkt } });
      expect(await isAcceptedByResourceServer(as, access_token, DPoP)).toBe(true);
      const another = oauth.DPoP(machine, await oauth.generateKeyPair(alg));
      expect(await isAcceptedByResourceServer(as, access_token, another)).toBe(false);
      expect(await isAcceptedByResourceServer(as, access_token, undefined)).toBe(false);

      const introspect = async () => {
        const response = await oauth.introspectionRequest(as, api, authenticate, access_token, insecure);
        return oauth.processIntrospectionResponse(as, api, response);
      };
      expect(await introspect()).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } });
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(as, machine, authenticate, access_token, insecure),
      );
      expect(await introspect()).toEqual({ active: false });
    });

    test('openid-client gets a bound token, introspects and revokes it', async () => {
      const { privateKey, registration } = await newKey(alg);
      const machine = await loop.registerMachine({ ...registration, ...fields });
      const api = await loop.registerMachine({ ...registration, introspects: [RESOURCE] });
      const configure = ({ client_id }: { client_id: string }) =>
        client.discovery(new URL(loop.edgemint.issuer), client_id, undefined, client.PrivateKeyJwt(privateKey), {
          algorithm: 'oauth2',
          execute: [client.allowInsecureRequests],
        });
      const asMachine = await configure(machine);
      const asApi = await configure(api);
      const DPoP = client.getDPoPHandle(asMachine, await client.randomDPoPKeyPair(alg));

      const granted = await client.clientCredentialsGrant(asMachine, { scope: 'orders:read' }, { DPoP });
      expect(granted).toMatchObject({ token_type: 'dpop', scope: 'orders:read' });
      const jkt = await DPoP.calculateThumbprint();
      expect(await verified(granted.access_token, asMachine.serverMetadata())).toMatchObject({ cnf: { jkt } });

      const introspect = () => client.tokenIntrospection(asApi, granted.access_token);
      expect(await introspect()).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } });
      await client.tokenRevocation(asMachine, granted.access_token);
      expect(await introspect()).toEqual({ active: false });
    });
  });
});

/** Returns whether a resource server that uses oauth4webapi accepts the token, with a DPoP proof if there is a handle for one. */
async function isAcceptedByResourceServer(
  as: oauth.AuthorizationServer,
  token: string,
  DPoP: oauth.DPoPHandle | undefined,
): Promise<boolean> {
  let isAccepted = false;
  const orders = new URL(`${RESOURCE}/orders`);
  const receive = async (url: string, { method, headers }: oauth.CustomFetchOptions<string, unknown>) => {
    const request = new Request(url, { method, headers: { ...headers } });
    const claims = await oauth.validateJwtAccessToken(as, request, RESOURCE, insecure).catch(() => undefined);
    isAccepted = claims !== undefined;
    return new Response();
  };
  const options = { [oauth.customFetch]: receive, ...(DPoP && { DPoP }) };
  await oauth.protectedResourceRequest(token, 'GET', orders, undefined, undefined, options);
  return isAccepted;
}

test('a client of the strict profile goes round with oauth4webapi and openid-client as they are', async () => {
  const { privateKey, registration } = await newKey('PS256');
  const fields = { ...registration, security_profile: 'strict', dpop_nonce_required: true };
  const { client_id } = await loop.registerMachine(fields);
  const config = await client.discovery(
    new URL(loop.edgemint.issuer),
    client_id,
    undefined,
    client.PrivateKeyJwt(privateKey),
    { algorithm: 'oidc', execute: [client.allowInsecureRequests] },
  );
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const granted = await client.clientCredentialsGrant(config, {}, { DPoP });
  expect(granted).toMatchObject({ token_type: 'dpop', expires_in: 900 });

  const as = await discover('oidc');
  const asked = await oauth.clientCredentialsGrantRequest(
    as,
    { client_id },
    oauth.PrivateKeyJwt(privateKey),
    {},
    insecure,
  );
  await expect(oauth.processClientCredentialsResponse(as, { client_id }, asked)).rejects.toMatchObject({
    error: 'invalid_request',
  });
});

test('a key that is not the registered one is told as an OAuth error', async () => {
  const as = await discover();
  const { registration } = await newKey('ES256');
  const { client_id } = await loop.registerMachine(registration);
  const { privateKey } = await newKey('ES256');
  const asked = await oauth.clientCredentialsGrantRequest(
    as,
    { client_id },
    oauth.PrivateKeyJwt(privateKey),
    {},
    insecure,
  );
  expect(asked.status).toBe(401);
  await expect(oauth.processClientCredentialsResponse(as, { client_id }, asked)).rejects.toThrow();
});

// The previous major version, on which much software is still built.
test.each(['ES256', 'PS256', 'RS256', 'EdDSA'] as const)(
  'openid-client 5 gets, introspects and revokes a bound token by private_key_jwt with %s, a nonce required',
  async (alg) => {
    const { pair, registration } = await newKey(alg);
    const fields = { ...registration, dpop_nonce_required: true, introspects: [RESOURCE] };
    const { client_id } = await loop.registerMachine(fields);
    const { Client } = await Issuer.discover(`${loop.edgemint.issuer}/.well-known/oauth-authorization-server`);
    const jwk = { ...(await exportJWK(pair.privateKey)), kid: '2026-11', alg };
    const metadata = { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg } as const;
    const machine = new Client({ client_id, ...metadata }, { keys: [jwk as never] });
    const DPoP = generateKeyPairSync('ec', { namedCurve: 'P-256' });

    const granted = await machine.grant({ grant_type: 'client_credentials' }, { DPoP: DPoP.privateKey });
    const jkt = await calculateJwkThumbprint(DPoP.publicKey.export({ format: 'jwk' }) as JWK);
    expect(granted.token_type).toBe('DPoP');
    const token = granted.access_token ?? '';
    expect(await machine.introspect(token)).toMatchObject({ active: true, client_id, cnf: { jkt } });
    await machine.revoke(token);
    expect(await machine.introspect(token)).toEqual({ active: false });
  },
);
