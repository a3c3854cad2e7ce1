import type { Context, MiddlewareHandler } from 'hono';
import { nodeCertificate } from '../middleware/certificate.ts';
import type { Requirements, VerifiedToken, Verifier } from '../verify/options.ts';
import type { ProtectedResource } from '../verify/protected-resource.ts';
import { VerificationError } from '../verify/verification-error.ts';

/** What `requireToken` of Hono adds to the context. For apps that set it for all routes: `new Hono<TokenEnv>()`. */
export interface TokenEnv {
  Variables: {
    /** The token of the request. */
    token: VerifiedToken;
  };
}

/** What `@hono/node-server` puts into `env`. */
interface NodeServerEnv {
  readonly incoming?: { readonly socket?: unknown };
}

/** Options of `requireToken` of Hono. */
export interface RequireTokenOptions extends Requirements {
  /**
   * Answers a request whose token is refused, or passes it on with `throw error`, to the app's `onError`. Default: the status, the headers and
   * the JSON of the error.
   */
  readonly onError?: ((error: VerificationError, context: Context) => Response | Promise<Response>) | undefined;
}

/**
 * Returns a middleware for Hono that refuses requests without a valid access token, and passes the token on as `c.var.token`
 * ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
 *
 * It checks every request that reaches it, `HEAD` and `OPTIONS` included. A browser's preflight has no token: put `cors()` before it. The
 * certificate of the client comes from `request.cf` in Workers, and from the TLS connection with `@hono/node-server`. DPoP proofs must be
 * for the URL of the request; behind a proxy, set `baseUrl` of the verifier to the URL that clients use.
 * @example
 * app.get('/orders', requireToken(orders, { scope: 'orders:read' }), (c) => c.json({ caller: c.var.token.client_id }));
 */
export function requireToken(verifier: Verifier, options: RequireTokenOptions = {}): MiddlewareHandler<TokenEnv> {
  const { onError, ...requirements } = options;
  return async (context, next) => {
    const { raw } = context.req;
    let token: VerifiedToken;
    try {
      // The verifier itself reads `request.cf` of Workers.
      const certificate = nodeCertificate((context.env as NodeServerEnv | undefined)?.incoming?.socket);
      token = await verifier.authenticate(raw, { ...requirements, certificate });
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      return onError ? onError(error, context) : error.toResponse();
    }
    context.set('token', token);
    await next();
    // After the handler, whose `Response` has headers of its own.
    if (token.dpop_nonce !== undefined) context.header('DPoP-Nonce', token.dpop_nonce);
    return undefined;
  };
}

/**
 * Returns a middleware for Hono that answers at the well-known URL of an API's metadata, and passes on every other request
 * ([RFC 9728 section 3](https://www.rfc-editor.org/rfc/rfc9728#section-3)).
 * @example
 * app.use(serveMetadata(protectedResource({ resource: 'https://orders.example', authorization_servers: [issuer] })));
 */
export function serveMetadata(resource: ProtectedResource): MiddlewareHandler {
  return async (context, next) => resource.handle(context.req.raw) ?? next();
}
