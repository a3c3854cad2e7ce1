import process from 'node:process';
import { tokenSource } from 'edgemint-sdk/client';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, RESOURCE, API } = process.env;
const client = { id: CLIENT_ID, secret: CLIENT_SECRET };
const source = tokenSource({ issuer: ISSUER, client, resource: RESOURCE, scope: 'orders:read', dpop: true });
const tokens = await Promise.all(Array.from({ length: 100 }, () => source.token()));
const response = await source.fetch(API);
const different = new Set(tokens.map(({ access_token }) => access_token)).size;
console.log(JSON.stringify({ different, scope: tokens[0].scope, api: await response.json() }));
