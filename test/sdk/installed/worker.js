import { kvStore, tokenSource } from 'edgemint-sdk/client';

// A source lives as long as the isolate.
const sources = new Map();

function sourceOf({ ISSUER, CLIENT_ID, CLIENT_SECRET, RESOURCE, TOKENS }, kind) {
  if (!sources.has(kind)) {
    const client = { id: CLIENT_ID, secret: CLIENT_SECRET };
    const options = { issuer: ISSUER, client, resource: RESOURCE, scope: 'orders:read' };
    const more = { dpop: { dpop: true }, kv: { store: kvStore(TOKENS) } }[kind];
    sources.set(kind, tokenSource({ ...options, ...more }));
  }
  return sources.get(kind);
}

export default {
  async fetch(request, env) {
    const [, path, kind] = new URL(request.url).pathname.split('/');
    const source = sourceOf(env, kind);
    if (path === 'token') return Response.json({ token: (await source.token()).access_token });
    const tokens = await Promise.all(Array.from({ length: 100 }, () => source.token()));
    const response = await source.fetch(env.API);
    const different = new Set(tokens.map(({ access_token }) => access_token)).size;
    return Response.json({ different, scope: tokens[0].scope, api: await response.json() });
  },
};
