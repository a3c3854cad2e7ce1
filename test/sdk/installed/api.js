import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { tokenSource } from 'edgemint-sdk/client';
import * as ofExpress from 'edgemint-sdk/express';
import * as ofFastify from 'edgemint-sdk/fastify';
import * as ofHono from 'edgemint-sdk/hono';
import { fileStore } from 'edgemint-sdk/node';
import { protectedResource, verifier } from 'edgemint-sdk/verify';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';

// Each framework serves an API that wants nonces in DPoP proofs. A token source calls it.

const { ISSUER, CLIENT_ID, CLIENT_SECRET, RESOURCE } = process.env;
const resource = protectedResource({ resource: RESOURCE, authorization_servers: [ISSUER] });
const requirements = { scope: 'orders:read' };
const METADATA = '/.well-known/oauth-protected-resource';

const newVerifier = () =>
  verifier({ issuer: ISSUER, audience: RESOURCE, dpop: { nonces: true }, resourceMetadata: resource.url });

const servers = {
  async express() {
    const app = express();
    app.use(ofExpress.serveMetadata(resource));
    app.get('/orders', ofExpress.requireToken(newVerifier(), requirements), (req, res) => {
      res.json({ caller: req.token.client_id });
    });
    const server = await new Promise((resolve) => {
      const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
    });
    return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
  },
  async fastify() {
    const app = Fastify();
    app.addHook('onRequest', ofFastify.serveMetadata(resource));
    app.get('/orders', { onRequest: ofFastify.requireToken(newVerifier(), requirements) }, async (request) => ({
      caller: request.token.client_id,
    }));
    return { origin: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
  },
  async hono() {
    const app = new Hono();
    app.use(ofHono.serveMetadata(resource));
    app.get('/orders', ofHono.requireToken(newVerifier(), requirements), (c) =>
      c.json({ caller: c.var.token.client_id }),
    );
    return { origin: 'https://api.example', fetch: (input, init) => app.fetch(new Request(input, init)), close() {} };
  },
};

const folder = await mkdtemp(join(tmpdir(), 'edgemint-store-'));
const results = {};
for (const [name, serve] of Object.entries(servers)) {
  const { origin, fetch: ofApi = fetch, close } = await serve();
  const options = {
    issuer: ISSUER,
    client: { id: CLIENT_ID, secret: CLIENT_SECRET },
    resource: RESOURCE,
    fetch: (input, init) => (String(input).startsWith(origin) ? ofApi(input, init) : fetch(input, init)),
  };
  const callerBy = async (source) => (await (await source.fetch(`${origin}/orders`)).json()).caller;
  results[name] = {
    refused: (await ofApi(`${origin}/orders`)).status,
    bearer: await callerBy(tokenSource({ ...options, store: fileStore(folder) })),
    dpop: await callerBy(tokenSource({ ...options, dpop: true })),
    resource: (await (await ofApi(`${origin}${METADATA}`)).json()).resource,
  };
  await close();
}
await rm(folder, { recursive: true });
console.log(JSON.stringify(results));
