import { env } from 'cloudflare:workers';
import { kvStore, tokenSource } from 'edgemint-sdk/client';

// Sources live as long as the isolate, so they are created outside of the handler.
const { ISSUER, CLIENT_ID, CLIENT_SECRET, RESOURCE, API, TOKENS } = env;
const client = { id: CLIENT_ID, secret: CLIENT_SECRET };
const options = { issuer: ISSUER, client, resource: RESOURCE, scope: 'orders:read' };
const sources = {
  plain: tokenSource(options),
  dpop: tokenSource({ ...options, dpop: true }),
  kv: tokenSource({ ...options, store: kvStore(TOKENS) }),
};

export default {
  async fetch(request) {
    const [, path, kind] = new URL(request.url).pathname.split('/');
    const source = sources[kind];
    if (path === 'token') return Response.json({ token: (await source.token()).access_token });
    const tokens = await Promise.all(Array.from({ length: 100 }, () => source.token()));
    const response = await source.fetch(API);
    const different = new Set(tokens.map(({ access_token }) => access_token)).size;
    return Response.json({ different, scope: tokens[0].scope, api: await response.json() });
  },
};
