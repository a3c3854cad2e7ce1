import { createServer, type RequestListener, type RequestOptions, request as sendHttp } from 'node:http';
import { createServer as createTlsServer, request as sendHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import type express from 'express';
import Fastify, { type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { DpopProver } from '../../src/sdk/client/dpop.ts';
import * as ofExpress from '../../src/sdk/express.ts';
import * as ofFastify from '../../src/sdk/fastify.ts';
import * as ofHono from '../../src/sdk/hono.ts';
import { resourceRequest } from '../../src/sdk/middleware/node-request.ts';
import {
  protectedResource,
  type Requirements,
  type Verifier,
  type VerifierOptions,
  verifier,
} from '../../src/sdk/verify.ts';
import { CERTIFICATE, FINGERPRINT, THUMBPRINT, TLS } from './tls.ts';

// The middleware on real servers of each framework, and Hono without a server, as in Workers.

const ISSUER = 'https://auth.example.com';
const AUDIENCE = 'https://orders.example';
const { privateKey, publicKey } = await generateKeyPair('ES256');
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] };
const prover = new DpopProver(await generateKeyPair('ES256', { extractable: true }));

const ofIssuer = (options: Partial<VerifierOptions> = {}) =>
  verifier({ issuer: ISSUER, audience: AUDIENCE, jwks, ...options });

async function tokenWith(claims: Record<string, unknown> = {}): Promise<string> {
  const defaults = { iss: ISSUER, aud: AUDIENCE, sub: 'machine', client_id: 'machine', scope: 'orders:read' };
  return new SignJWT({ ...defaults, roles: ['reader'], ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey);
}

/** How the API of a test is protected. */
interface Setup {
  readonly verifier: Verifier;
  readonly requirements?: Requirements;
  /** Passes refusals on to the error handling of the framework, which answers 418 with the code. */
  readonly isThrown?: boolean;
  /** Believes the headers of a proxy, by the setting of the framework. */
  readonly trustsProxy?: boolean;
  /** Answers preflights, and lets browsers read every answer. */
  readonly cors?: boolean;
  /** Serves the metadata, and requires a token for everything else. */
  readonly metadata?: boolean;
  readonly tls?: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

type Send = (path: string, options?: RequestOptions) => Promise<Answer>;

/** Serves `/orders`, which answers with the client and counts its calls. */
type Framework = (setup: Setup) => Promise<Send>;

const resource = protectedResource({ resource: `${AUDIENCE}/v1`, authorization_servers: [ISSUER] });
const METADATA_PATH = '/.well-known/oauth-protected-resource/v1';
const CORS = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'WWW-Authenticate, DPoP-Nonce' };

let calls = 0;
let closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
});

/** Listens on a free port. @returns a function that sends a request with exactly its headers */
async function listen(listener: RequestListener, tls = false): Promise<Send> {
  const server = tls
    ? createTlsServer({ ...TLS, requestCert: true, rejectUnauthorized: false }, listener)
    : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return sender((server.address() as AddressInfo).port, tls);
}

const sender =
  (port: number, tls = false): Send =>
  (path, options = {}) =>
    new Promise((resolve, reject) => {
      const send = tls ? sendHttps : sendHttp;
      const to = { host: '127.0.0.1', port, path, agent: false, ...(tls && { rejectUnauthorized: false }) };
      const request = send({ ...to, ...options }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        const { statusCode: status = 0, headers } = response;
        const found = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]);
        response.on('end', () => resolve({ status, headers: new Headers(found), text }));
      });
      request.on('error', reject).end();
    });

/** @param version the package of Express */
const onExpress =
  (version: string): Framework =>
  async ({ verifier, requirements, isThrown, trustsProxy, cors, metadata, tls }) => {
    const make: typeof express = (await import(version)).default;
    const app = make();
    if (trustsProxy) app.set('trust proxy', 'loopback');
    if (cors) {
      app.use((req, res, next) => {
        res.set(CORS);
        if (req.method === 'OPTIONS') res.sendStatus(204);
        else next();
      });
    }
    if (metadata) app.use(ofExpress.serveMetadata(resource));
    const onError: ofExpress.RequireTokenOptions['onError'] = isThrown
      ? (error, _, __, next) => next(error)
      : undefined;
    const handlers = ofExpress.requireToken(verifier, { ...requirements, onError });
    if (metadata) app.use(handlers);
    // A router that is mounted at a path changes `req.url`.
    const router = make.Router();
    router.all('/', handlers, (req, res) => {
      calls++;
      res.json({ caller: req.token.client_id });
    });
    app.use('/orders', router);
    app.use((error: Error & { code?: string }, _: unknown, res: express.Response, __: unknown) => {
      res.status(418).json({ handled: error.code ?? error.message });
    });
    return listen(app, tls);
  };

const onFastify: Framework = async ({ verifier, requirements, isThrown, trustsProxy, cors, metadata, tls }) => {
  const app = Fastify({
    trustProxy: trustsProxy ? 'loopback' : false,
    ...(tls && { https: { ...TLS, requestCert: true, rejectUnauthorized: false } }),
  }) as FastifyInstance;
  if (cors) {
    app.addHook('onRequest', async (request, reply) => {
      reply.headers(CORS);
      return request.method === 'OPTIONS' ? reply.code(204).send() : undefined;
    });
  }
  if (metadata) app.addHook('onRequest', ofFastify.serveMetadata(resource));
  const onError: ofFastify.RequireTokenOptions['onError'] = isThrown
    ? (error) => {
        throw error;
      }
    : undefined;
  const onRequest = ofFastify.requireToken(verifier, { ...requirements, onError });
  if (metadata) app.addHook('onRequest', onRequest);
  app.setErrorHandler((error: Error & { code?: string }, _, reply) =>
    reply.code(418).send({ handled: error.code ?? error.message }),
  );
  const method = ['GET', 'HEAD', 'POST', 'OPTIONS'];
  app.route({
    method,
    url: '/orders',
    exposeHeadRoute: false,
    onRequest,
    handler: async (request) => {
      calls++;
      return { caller: request.token.client_id };
    },
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  closing.push(() => app.close());
  return sender((app.server.address() as AddressInfo).port, tls);
};

function honoApp({ verifier, requirements, isThrown, cors, metadata }: Setup): Hono {
  const app = new Hono();
  if (cors) {
    app.use(async (c, next) => {
      for (const [name, value] of Object.entries(CORS)) c.res.headers.set(name, value);
      return c.req.method === 'OPTIONS' ? c.body(null, 204) : next();
    });
  }
  if (metadata) app.use(ofHono.serveMetadata(resource));
  const onError: ofHono.RequireTokenOptions['onError'] = isThrown
    ? (error) => {
        throw error;
      }
    : undefined;
  const handlers = ofHono.requireToken(verifier, { ...requirements, onError });
  if (metadata) app.use(handlers);
  app.onError((error, c) => c.json({ handled: 'code' in error ? error.code : error.message }, 418));
  app.all('/orders', handlers, (c) => {
    calls++;
    return c.json({ caller: c.var.token.client_id });
  });
  return app;
}

/** As in Workers: no proxy is between, and the URL is that of the client. */
const onHono: Framework = async (setup) => {
  const app = honoApp(setup);
  return async (path, { method = 'GET', headers = {} } = {}) => {
    const found = Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one) => [name, String(one)] as [string, string]),
    );
    const response = await app.fetch(new Request(`http://api.example${path}`, { method, headers: found }));
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
};

const NODE_FRAMEWORKS: readonly (readonly [string, Framework])[] = [
  ['Express 5', onExpress('express')],
  ['Express 4', onExpress('express-4')],
  ['Fastify 5', onFastify],
];
const FRAMEWORKS = [...NODE_FRAMEWORKS, ['Hono 4', onHono]] as const;

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

describe.each(FRAMEWORKS)('requireToken of %s', (_, serve) => {
  test('passes a valid token on to the handler', async () => {
    const send = await serve({ verifier: ofIssuer() });
    const answer = await send('/orders', bearer(await tokenWith()));
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { caller: 'machine' }]);
  });

  test('answers a refused request with the status, the challenge and JSON, and never calls the handler', async () => {
    const setup = { verifier: ofIssuer({ resourceMetadata: resource.url }), requirements: { scope: 'orders:write' } };
    const send = await serve(setup);
    calls = 0;
    const none = await send('/orders');
    expect(none.status).toBe(401);
    expect(none.headers.get('WWW-Authenticate')).toBe(
      `Bearer scope="orders:write", resource_metadata="${resource.url}", DPoP scope="orders:write", resource_metadata="${resource.url}", algs="ES256 ES384 RS256 PS256 EdDSA Ed25519"`,
    );
    const wrong = await send('/orders', bearer(await tokenWith({ aud: 'https://other.example' })));
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get('WWW-Authenticate')).toContain('Bearer error="invalid_token"');
    expect(wrong.headers.get('Content-Type')).toMatch(/^application\/json/);
    expect(wrong.headers.get('Cache-Control')).toBe('no-store');
    expect(JSON.parse(wrong.text)).toEqual({ error: 'invalid_token', error_description: expect.any(String) });
    const insufficient = await send('/orders', bearer(await tokenWith()));
    expect(insufficient.status).toBe(403);
    expect(insufficient.headers.get('WWW-Authenticate')).toContain('error="insufficient_scope"');
    expect(JSON.parse(insufficient.text).error).toBe('insufficient_scope');
    expect(calls).toBe(0);
  });

  test('requires the roles', async () => {
    const send = await serve({ verifier: ofIssuer(), requirements: { roles: ['writer'] } });
    expect((await send('/orders', bearer(await tokenWith()))).status).toBe(403);
    expect((await send('/orders', bearer(await tokenWith({ roles: ['writer', 'reader'] })))).status).toBe(200);
  });

  test('refuses a request with two tokens', async () => {
    const send = await serve({ verifier: ofIssuer() });
    const token = await tokenWith();
    const two = { headers: { Authorization: [`Bearer ${token}`, `Bearer ${token}`] } as never };
    expect((await send('/orders', two)).status).toBe(400);
  });

  test('checks HEAD and OPTIONS like GET', async () => {
    const send = await serve({ verifier: ofIssuer() });
    for (const method of ['HEAD', 'OPTIONS', 'POST']) {
      expect([method, (await send('/orders', { method })).status]).toEqual([method, 401]);
      expect([method, (await send('/orders', { method, ...bearer(await tokenWith()) })).status]).toEqual([method, 200]);
    }
    expect((await send('/orders', { method: 'HEAD' })).text).toBe('');
  });

  test('lets CORS before it answer preflights, and keeps its headers on refusals', async () => {
    const send = await serve({ verifier: ofIssuer(), cors: true });
    const headers = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'GET' };
    expect((await send('/orders', { method: 'OPTIONS', headers })).status).toBe(204);
    const refused = await send('/orders', { headers: { Origin: 'https://app.example' } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(refused.headers.get('WWW-Authenticate')).toContain('Bearer');
  });

  test('leaves refusals to the error handling of the framework', async () => {
    const send = await serve({ verifier: ofIssuer(), isThrown: true });
    const answer = await send('/orders', bearer('garbage'));
    expect([answer.status, JSON.parse(answer.text)]).toEqual([418, { handled: 'invalid_token' }]);
  });

  test('leaves a fault of the verifier to the error handling of the framework', async () => {
    const broken = { verify: () => expect.unreachable(), authenticate: () => Promise.reject(new Error('a bug')) };
    const answer = await (await serve({ verifier: broken }))('/orders', bearer(await tokenWith()));
    expect([answer.status, JSON.parse(answer.text)]).toEqual([418, { handled: 'a bug' }]);
  });

  test('answers 503 with Retry-After while the keys cannot be fetched', async () => {
    const fetch = async () => new Response(null, { status: 503, headers: { 'Retry-After': '7' } });
    const send = await serve({ verifier: verifier({ issuer: ISSUER, audience: AUDIENCE, fetch }) });
    const answer = await send('/orders', bearer(await tokenWith()));
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1);
    expect(answer.headers.get('WWW-Authenticate')).toBeNull();
  });

  test('accepts a DPoP proof for the URL of the request, once', async () => {
    const send = await serve({ verifier: ofIssuer() });
    const token = await tokenWith({ cnf: { jkt: await prover.thumbprint() } });
    const Host = 'api.example';
    const proof = await prover.proof({
      method: 'GET',
      url: 'http://api.example/orders',
      accessToken: token,
      now: Date.now(),
    });
    const headers = { Authorization: `DPoP ${token}`, DPoP: proof, Host };
    expect((await send('/orders?page=2', { headers })).status).toBe(200);
    const again = await send('/orders?page=2', { headers });
    expect([again.status, JSON.parse(again.text).error]).toEqual([401, 'invalid_dpop_proof']);
    expect((await send('/orders', { headers: { Authorization: `Bearer ${token}`, Host } })).status).toBe(401);
  });

  test('asks for a nonce, and accepts it', async () => {
    const send = await serve({ verifier: ofIssuer({ dpop: { nonces: true } }) });
    const token = await tokenWith({ cnf: { jkt: await prover.thumbprint() } });
    const url = 'http://api.example/orders';
    const withProof = async () => {
      const DPoP = await prover.proof({ method: 'GET', url, accessToken: token, now: Date.now() });
      return send('/orders', { headers: { Authorization: `DPoP ${token}`, DPoP, Host: 'api.example' } });
    };
    const first = await withProof();
    expect(first.headers.get('WWW-Authenticate')).toContain('error="use_dpop_nonce"');
    expect(prover.observe(url, first.headers)).toBe(true);
    expect((await withProof()).status).toBe(200);
  });

  test('answers with the nonce for the next proof', async () => {
    const token = await ofIssuer().verify(await tokenWith());
    const renewing = {
      verify: () => expect.unreachable(),
      authenticate: async () => ({ ...token, dpop_nonce: 'next' }),
    };
    const answer = await (await serve({ verifier: renewing }))('/orders');
    expect([answer.status, answer.headers.get('DPoP-Nonce')]).toEqual([200, 'next']);
    expect(JSON.parse(answer.text)).toEqual({ caller: 'machine' });
    const none = await (await serve({ verifier: ofIssuer() }))('/orders', bearer(await tokenWith()));
    expect(none.headers.get('DPoP-Nonce')).toBeNull();
  });

  test('expects proofs for `baseUrl`, if the verifier has it, whatever Host says', async () => {
    const send = await serve({ verifier: ofIssuer({ baseUrl: 'https://orders.example/v1' }) });
    const token = await tokenWith({ cnf: { jkt: await prover.thumbprint() } });
    const withProof = async (url: string) => {
      const DPoP = await prover.proof({ method: 'GET', url, accessToken: token, now: Date.now() });
      return send('/orders', { headers: { Authorization: `DPoP ${token}`, DPoP, Host: 'api.example' } });
    };
    expect((await withProof('https://orders.example/v1/orders')).status).toBe(200);
    expect((await withProof('http://api.example/orders')).status).toBe(401);
  });

  test('serveMetadata answers at the well-known URL, though everything else needs a token', async () => {
    const send = await serve({ verifier: ofIssuer(), metadata: true });
    const answer = await send(METADATA_PATH);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/);
    expect(JSON.parse(answer.text)).toMatchObject({ resource: `${AUDIENCE}/v1`, authorization_servers: [ISSUER] });
    expect((await send('/.well-known/oauth-protected-resource')).status).toBe(401);
    expect((await send('/orders')).status).toBe(401);
    expect((await send('/orders', bearer(await tokenWith()))).status).toBe(200);
  });
});

describe.each(NODE_FRAMEWORKS)('behind a proxy, requireToken of %s', (_, serve) => {
  const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'orders.example' };

  async function statusFor(send: Send, url: string, headers: Record<string, string>, path = '/orders') {
    const token = await tokenWith({ cnf: { jkt: await prover.thumbprint() } });
    const DPoP = await prover.proof({ method: 'GET', url, accessToken: token, now: Date.now() });
    return (await send(path, { headers: { Authorization: `DPoP ${token}`, DPoP, Host: 'inner:8080', ...headers } }))
      .status;
  }

  test('ignores X-Forwarded headers by default: anybody can write them', async () => {
    const send = await serve({ verifier: ofIssuer() });
    expect(await statusFor(send, 'https://orders.example/orders', forwarded)).toBe(401);
    expect(await statusFor(send, 'http://inner:8080/orders', forwarded)).toBe(200);
  });

  test('believes them if the framework trusts the proxy', async () => {
    const send = await serve({ verifier: ofIssuer(), trustsProxy: true });
    expect(await statusFor(send, 'https://orders.example/orders', forwarded)).toBe(200);
    expect(await statusFor(send, 'http://inner:8080/orders', forwarded)).toBe(401);
    expect(await statusFor(send, 'http://inner:8080/orders', {})).toBe(200);
  });

  test('takes no host from a request line that has one', async () => {
    const send = await serve({ verifier: ofIssuer() });
    const line = 'http://elsewhere.example/orders';
    expect(await statusFor(send, line, {}, line)).not.toBe(200);
  });

  test('refuses a proof, and does not fail, if Host is not a host', async () => {
    const send = await serve({ verifier: ofIssuer() });
    expect(await statusFor(send, 'http://inner:8080/orders', { Host: 'a b:c' })).toBe(401);
    expect((await send('/orders', { headers: { ...bearer(await tokenWith()).headers, Host: '[' } })).status).toBe(200);
  });
});

test('a request of Node has the URL that its path and the origin make, though its Host or its target is strange', () => {
  const urlOf = (origin: string, target: string) => resourceRequest({ headers: {} }, origin, target).url;
  expect(urlOf('https://orders.example', '/orders?page=2')).toBe('https://orders.example/orders?page=2');
  expect(urlOf('https://orders.example', 'http://elsewhere.example/orders')).toBe('https://orders.example/orders');
  expect(urlOf('https://orders.example', '//elsewhere.example/orders')).toBe(
    'https://orders.example//elsewhere.example/orders',
  );
  expect(urlOf('https://orders.example', '*')).toBe('https://orders.example/');
  // With `baseUrl`, the verifier needs the path only.
  for (const host of ['a b:c', 'undefined:x', '['])
    expect(urlOf(`http://${host}`, '/orders')).toBe('http://host.invalid/orders');
});

describe('a token that is bound to a certificate', () => {
  const bound = () => tokenWith({ cnf: { 'x5t#S256': THUMBPRINT } });

  test.each(NODE_FRAMEWORKS)('needs the certificate of the TLS connection: %s', async (_, serve) => {
    const send = await serve({ verifier: ofIssuer(), tls: true });
    const headers = { Authorization: `Bearer ${await bound()}` };
    expect((await send('/orders', { headers, ...TLS } as RequestOptions)).status).toBe(200);
    expect((await send('/orders', { headers })).status).toBe(401);
    const plain = await serve({ verifier: ofIssuer() });
    expect((await plain('/orders', { headers })).status).toBe(401);
  });

  test.each(NODE_FRAMEWORKS)(
    'needs the certificate that `certificate` returns, if the verifier has it: %s',
    async (_, serve) => {
      const certificate = ({ headers }: { headers: Pick<Headers, 'get'> }) => headers.get('Client-Cert') ?? undefined;
      const send = await serve({ verifier: ofIssuer({ certificate }), tls: true });
      const headers = { Authorization: `Bearer ${await bound()}` };
      expect((await send('/orders', { headers: { ...headers, 'Client-Cert': THUMBPRINT } })).status).toBe(200);
      // The connection is the proxy's, and so is its certificate.
      expect((await send('/orders', { headers, ...TLS } as RequestOptions)).status).toBe(401);
    },
  );

  test.each([
    ['the certificate', { certPresented: '1', certRevoked: '0', certFingerprintSHA256: FINGERPRINT }, 200],
    ['a revoked one', { certPresented: '1', certRevoked: '1', certFingerprintSHA256: FINGERPRINT }, 401],
    ['another', { certPresented: '1', certRevoked: '0', certFingerprintSHA256: 'c0ffee'.padEnd(64, '0') }, 401],
    ['none', { certPresented: '0', certRevoked: '0', certFingerprintSHA256: '' }, 401],
    ['no data', undefined, 401],
  ])('needs the certificate that Cloudflare reports: Hono with %s', async (_, tlsClientAuth, status) => {
    const request = new Request('https://orders.example/orders', bearer(await bound()));
    Object.defineProperty(request, 'cf', { value: { tlsClientAuth } });
    expect((await honoApp({ verifier: ofIssuer() }).fetch(request)).status).toBe(status);
  });

  test('needs the certificate of the TLS connection: Hono with @hono/node-server', async () => {
    const app = honoApp({ verifier: ofIssuer() });
    const socket = { getPeerCertificate: () => ({ raw: CERTIFICATE }) };
    const request = () => new Request('https://orders.example/orders', { headers });
    const headers = { Authorization: `Bearer ${await bound()}` };
    expect((await app.fetch(request(), { incoming: { socket } })).status).toBe(200);
    expect((await app.fetch(request(), { incoming: { socket: {} } })).status).toBe(401);
  });
});

test('an onError of Fastify that answers nothing opens no route', async () => {
  const app = Fastify();
  let handled = 0;
  const onError = () => undefined;
  const orders = verifier({ issuer: ISSUER, audience: AUDIENCE, jwks });
  app.get('/orders', { onRequest: ofFastify.requireToken(orders, { onError }) }, async () => {
    handled++;
    return 'secret';
  });
  const answer = await app.inject('/orders');
  expect([answer.statusCode, handled]).toEqual([401, 0]);
  await app.close();
});
