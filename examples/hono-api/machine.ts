// A machine that calls the API once a second. It gets a token by itself, and renews it before it expires.
// Copied out of this repository, it needs edgemint-sdk: see docs/get-tokens.md.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tokenSource } from 'edgemint-sdk/client';

const {
  ISSUER = 'http://localhost:8787',
  API = 'http://localhost:8788/orders',
  AUDIENCE = 'https://orders.demo.example',
  CALLS = 'Infinity',
} = process.env;

// `npm start` writes the file. In production the secret comes from the environment or a secret store.
const { CREDENTIALS = readFileSync('.wrangler/demo/worker', 'utf8') } = process.env;
const [id = '', secret = ''] = CREDENTIALS.trim().split(':');
const source = tokenSource({ issuer: ISSUER, client: { id, secret }, resource: AUDIENCE, scope: 'orders:read' });

for (let call = 1; call <= Number(CALLS); call++) {
  if (call > 1) await sleep(1000);
  try {
    const response = await source.fetch(API);
    console.log(response.status, await response.text());
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
  }
}
