import { requireToken, serveMetadata } from 'edgemint-sdk/hono';
import { protectedResource, VerificationError, verifier } from 'edgemint-sdk/verify';
import { Hono } from 'hono';

const issuer = 'https://auth.example.com';
const resource = protectedResource({ resource: 'https://orders.example', authorization_servers: [issuer] });
const orders = verifier({ issuer, audience: 'https://orders.example', resourceMetadata: resource.url });

const app = new Hono<{ Bindings: { KEY: string }; Variables: { user: number } }>();

app.use(serveMetadata(resource));

app.get('/orders/:id', requireToken(orders, { scope: 'orders:read', roles: ['clerk'] }), (c) => {
  // @ts-expect-error: a token has no such member
  console.log(c.var.token.user_id);
  return c.json({
    caller: c.var.token.client_id satisfies string,
    organization: c.get('token').org_id satisfies string | undefined,
    scopes: c.var.token.scopes satisfies readonly string[],
    user: c.var.user satisfies number,
    key: c.env.KEY satisfies string,
    id: c.req.param('id') satisfies string,
  });
});

// @ts-expect-error: without the middleware there is no token
app.get('/', (c) => c.text(c.var.token.client_id));

new Hono()
  .use(
    requireToken(orders, {
      onError: (error, c) => c.json({ code: error.code satisfies string }, error.status === 503 ? 503 : 401),
    }),
  )
  .get('/', (c) => c.text(c.var.token.client_id));

app.onError((error) => {
  if (error instanceof VerificationError) return error.toResponse();
  throw error;
});
