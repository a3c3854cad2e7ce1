import { env } from 'cloudflare:workers';
import { requireToken, serveMetadata } from 'edgemint-sdk/hono';
import { protectedResource, verifier } from 'edgemint-sdk/verify';
import { Hono } from 'hono';

// A verifier lives as long as the isolate, so it is created outside of the handler.
const { ISSUER, RESOURCE } = env;
const resource = protectedResource({ resource: RESOURCE, authorization_servers: [ISSUER] });
const orders = verifier({ issuer: ISSUER, audience: RESOURCE, dpop: { nonces: true }, resourceMetadata: resource.url });

const app = new Hono();
app.use(serveMetadata(resource));
app.get('/orders', requireToken(orders, { scope: 'orders:read' }), (c) => c.json({ caller: c.var.token.client_id }));

export default app;
