import { requireToken, serveMetadata } from 'edgemint-sdk/express';
import { protectedResource, type VerifiedToken, verifier } from 'edgemint-sdk/verify';
import express, { type RequestHandler } from 'express';

const issuer = 'https://auth.example.com';
const resource = protectedResource({ resource: 'https://orders.example', authorization_servers: [issuer] });
const orders = verifier({ issuer, audience: 'https://orders.example', resourceMetadata: resource.url });

const app = express();

app.use(serveMetadata(resource));

app.get('/orders/:id', requireToken(orders, { scope: ['orders:read'], roles: ['clerk'] }), (req, res) => {
  // @ts-expect-error: a token has no such member
  console.log(req.token.user_id);
  res.json({
    caller: req.token.client_id satisfies string,
    token: req.token satisfies VerifiedToken,
    id: req.params.id satisfies string,
  });
});

const router = express.Router();
router.use(requireToken(orders, { onError: (error, _req, _res, next) => next(error) }));
router.use(requireToken(orders, { onError: (error, req, res) => res.status(error.status).json({ path: req.path }) }));
app.use('/admin', express.json(), requireToken(orders), router);

export const handler: RequestHandler<{ id: string }, { a: number }> = requireToken(orders);
