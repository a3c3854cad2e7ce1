// A protected API. It answers with who called, and refuses a revoked client within seconds.
// Copied out of this repository, it needs hono, @hono/node-server and edgemint-sdk: see docs/check-tokens.md.
import { serve } from '@hono/node-server';
import { requireToken } from 'edgemint-sdk/hono';
import { verifier } from 'edgemint-sdk/verify';
import { Hono } from 'hono';

const {
  ISSUER = 'http://localhost:8787',
  AUDIENCE = 'https://orders.demo.example',
  PORT = '8788',
  HOST = 'localhost',
} = process.env;

const orders = verifier({ issuer: ISSUER, audience: AUDIENCE, revocations: 'feed' });

const app = new Hono();

app.get('/orders', requireToken(orders, { scope: 'orders:read' }), (context) => {
  const { client_id, org_id, scopes } = context.var.token;
  return context.json({ caller: { client_id, org_id, scopes }, orders: [{ id: 1, item: 'coffee' }] });
});

serve({ fetch: app.fetch, port: Number(PORT), hostname: HOST }, () =>
  console.log(`The API serves http://${HOST}:${PORT}/orders`),
);
