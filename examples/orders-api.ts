// A protected API. It answers with who called, and refuses a revoked client within seconds.
// Copied out of this repository, it needs: npm install express edgemint-sdk
import { requireToken } from 'edgemint-sdk/express';
import { verifier } from 'edgemint-sdk/verify';
import express from 'express';

const { ISSUER = 'http://localhost:8787', PORT = '8788' } = process.env;

const orders = verifier({ issuer: ISSUER, audience: 'https://orders.demo.example', revocations: 'feed' });

const app = express();

app.get('/orders', requireToken(orders, { scope: 'orders:read' }), (req, res) => {
  const { client_id, org_id, scopes } = req.token;
  res.json({ caller: { client_id, org_id, scopes }, orders: [{ id: 1, item: 'coffee' }] });
});

app.listen(Number(PORT), 'localhost', () => console.log(`The API serves http://localhost:${PORT}/orders`));
