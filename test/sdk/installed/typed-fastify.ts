import { requireToken, serveMetadata } from 'edgemint-sdk/fastify';
import { protectedResource, type VerifiedToken, verifier } from 'edgemint-sdk/verify';
import Fastify from 'fastify';

const issuer = 'https://auth.example.com';
const resource = protectedResource({ resource: 'https://orders.example', authorization_servers: [issuer] });
const orders = verifier({ issuer, audience: 'https://orders.example', resourceMetadata: resource.url });

const app = Fastify({ trustProxy: '10.0.0.0/8' });

app.addHook('onRequest', serveMetadata(resource));

const onRequest = requireToken(orders, { scope: 'orders:read', roles: ['clerk'] });
app.get<{ Params: { id: string } }>('/orders/:id', { onRequest }, async (request) => {
  // @ts-expect-error: a token has no such member
  console.log(request.token.user_id);
  return {
    caller: request.token.client_id satisfies string,
    token: request.token satisfies VerifiedToken,
    id: request.params.id satisfies string,
  };
});

const onError = (error: Error) => {
  throw error;
};
app.get('/', { preHandler: [requireToken(orders, { onError })] }, async () => 'ok');
app.get(
  '/a',
  { onRequest: requireToken(orders, { onError: (e, _, reply) => reply.code(e.status).send({ a: 1 }) }) },
  () => 'ok',
);
Fastify({ http2: true }).get('/', { onRequest }, async (request) => request.token.client_id);
